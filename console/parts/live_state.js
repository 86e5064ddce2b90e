export const LiveState = () => null
