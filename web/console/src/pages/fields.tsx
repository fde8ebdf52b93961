export function Fields(_: Record<string, unknown>) { return null; }
