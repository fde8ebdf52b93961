interface Actor {
  kind: 'API_KEY' | 'SESSION' | 'COMMAND_LINE' | 'SYSTEM' | 'NOBODY';
  name: string | null;
  keyPrefix: string | null;
}

/** Says who did something. */
export function describeActor({ kind, name, keyPrefix }: Actor): string {
  switch (kind) {
    case 'API_KEY': return `${name ?? 'a key'} (${keyPrefix ?? 'forgotten key'})`;
    case 'SESSION': return `${name ?? 'a key'} (signed in)`;
    case 'COMMAND_LINE': return `${name ?? 'a user'} (command line)`;
    case 'SYSTEM': return 'the server';
    default: return 'not known';
  }
}
