export function Imports(_: Record<string, unknown>) { return null; }
