export function GroupPage(_: Record<string, unknown>) { return null; }
