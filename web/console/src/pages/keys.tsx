export function Keys(_: Record<string, unknown>) { return null; }
