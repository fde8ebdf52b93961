import type { ReactNode } from 'react';

export type Tone = 'good' | 'bad' | 'busy' | 'plain' | 'warn';

export function Badge({ tone = 'plain', children }: { tone?: Tone; children: ReactNode }) {
  return <span className={`badge ${tone}`}>{children}</span>;
}

const statusTones: Record<string, Tone> = {
  SUBSCRIBED: 'good', UNSUBSCRIBED: 'plain', BOUNCED: 'bad', COMPLAINED: 'bad', PENDING: 'warn',
};

/** The status of a subscriber. */
export function StatusBadge({ status }: { status: string }) {
  return <Badge tone={statusTones[status] ?? 'plain'}>{words(status)}</Badge>;
}

const stateTones: Record<string, Tone> = {
  READY: 'good', INVALID: 'bad', PENDING: 'busy', RUNNING: 'busy', FAILED: 'bad', SUCCEEDED: 'good', UNDOING: 'busy',
  CANCELLED: 'warn', UNDONE: 'plain', WAITING: 'warn', ANALYZED: 'warn',
};

/** The state of a segment, refresh, import or bulk action. */
export function StateBadge({ state }: { state: string }) {
  return <Badge tone={stateTones[state] ?? 'plain'}>{words(state)}</Badge>;
}

/** Returns a constant of the API in words: `ADD_TO_GROUP` as `Add to group`. */
export function words(constant: string): string {
  const text = constant.toLowerCase().replaceAll('_', ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}
