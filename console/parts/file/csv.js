/** A bound for what is read into a table: rows and columns. */
export const MOST_ROWS = 1000
export const MOST_COLUMNS = 100

/**
 * The rows of values that `delimiter` separates, with RFC 4180's quotes. At most `MOST_ROWS` rows of `MOST_COLUMNS`
 * values; `cut` says that there was more.
 */
export function parse(text, delimiter = ',') {
  const rows = []
  let [row, value, quoted, index] = [[], '', false, 0]
  const endRow = () => {
    row.push(value)
    if (row.length > 1 || row[0] !== '') rows.push(row.slice(0, MOST_COLUMNS))
    row = []
    value = ''
  }
  for (; index < text.length && rows.length < MOST_ROWS; index += 1) {
    const letter = text[index]
    if (quoted) {
      if (letter !== '"') value += letter
      else if (text[index + 1] === '"') [value, index] = [`${value}"`, index + 1]
      else quoted = false
    } else if (letter === '"' && value === '') quoted = true
    else if (letter === delimiter) {
      row.push(value)
      value = ''
    } else if (letter === '\n' || letter === '\r') {
      if (letter === '\r' && text[index + 1] === '\n') index += 1
      endRow()
    } else value += letter
  }
  if (index >= text.length && (value || row.length)) endRow()
  return { rows, cut: index < text.length }
}

/**
 * The rows of each sheet of a workbook, from its `text.txt`: one line a row, tabs between the values. Null if the lines
 * are not those that `sheets` count, because a value has a line break or the text was cut.
 */
export function ofSheets(text, sheets) {
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n')
  const total = sheets.reduce((sum, sheet) => sum + (sheet.rows ?? 0), 0)
  if (lines.length !== total) return null
  let begin = 0
  return sheets.map((sheet) => {
    const rows = lines.slice(begin, begin + sheet.rows).map((line) => line.split('\t'))
    begin += sheet.rows
    return sheet.header?.length ? rows.slice(1) : rows
  })
}
