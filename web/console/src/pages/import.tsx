export function ImportPage(_: Record<string, unknown>) { return null; }
