export function NewImport(_: Record<string, unknown>) { return null; }
