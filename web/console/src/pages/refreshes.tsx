export function Refreshes(_: Record<string, unknown>) { return null; }
