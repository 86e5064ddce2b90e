export const pick = () => {}
export const DropZone = () => null
export const UploadButton = () => null
