export const Tray = () => null
