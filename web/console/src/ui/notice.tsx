import type { ReactNode } from 'react';
import { Icon } from './icon';

type Kind = 'error' | 'warning' | 'info' | 'success';

const icons = { error: 'warning', warning: 'warning', info: 'info', success: 'yes' } as const;

/** A boxed message. Errors are read out at once. */
export function Notice({ kind, title, children }: { kind: Kind; title: ReactNode; children?: ReactNode }) {
  return (
    <div className={`notice ${kind}`} role={kind === 'error' ? 'alert' : 'status'}>
      <Icon name={icons[kind]} />
      <div>
        <strong>{title}</strong>
        {children}
      </div>
    </div>
  );
}
