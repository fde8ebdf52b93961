export function Groups(_: Record<string, unknown>) { return null; }
