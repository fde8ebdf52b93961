import { useCallback, useState } from 'react';
import { formatNumber } from './format';
import { Icon } from './icon';

export const PAGE_SIZE = 50;

export interface Paging {
  after: string | null;
  index: number;
  next(cursor: string): void;
  previous(): void;
  reset(): void;
}

/** Keeps the cursors of the pages before the shown one. */
export function usePaging(): Paging {
  const [cursors, setCursors] = useState<string[]>([]);
  return {
    after: cursors.at(-1) ?? null,
    index: cursors.length,
    next: useCallback((cursor: string) => setCursors((cursors) => [...cursors, cursor]), []),
    previous: useCallback(() => setCursors((cursors) => cursors.slice(0, -1)), []),
    reset: useCallback(() => setCursors((cursors) => (cursors.length ? [] : cursors)), []),
  };
}

interface Props {
  paging: Paging;
  shown: number;
  totalCount: number;
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
  /** What is listed, in the plural. */
  what: string;
}

export function Pager({ paging, shown, totalCount, pageInfo, what }: Props) {
  const named = totalCount === 1 ? singular(what) : what;
  if (totalCount <= shown && paging.index === 0) {
    return <p className="pager hint">{formatNumber(totalCount)} {named}</p>;
  }
  const from = paging.index * PAGE_SIZE + 1;
  return (
    <nav className="pager" aria-label={`Pages of ${what}`}>
      <span className="hint" role="status">
        {shown > 0 ? `${formatNumber(from)}–${formatNumber(from + shown - 1)}` : 0} of {formatNumber(totalCount)} {named}
      </span>
      <button type="button" disabled={paging.index === 0} onClick={paging.previous}>Previous</button>
      <button
        type="button"
        disabled={!pageInfo.hasNextPage}
        onClick={() => pageInfo.endCursor && paging.next(pageInfo.endCursor)}
      >
        Next
      </button>
    </nav>
  );
}

function singular(what: string): string {
  if (what === 'people') return 'person';
  if (what === 'entries') return 'entry';
  return what.replace(/(sh)es$|s$/, '$1');
}

interface SearchProps {
  label: string;
  value: string;
  placeholder?: string;
  onChange(value: string): void;
}

export function SearchField({ label, value, placeholder, onChange }: SearchProps) {
  return (
    <label className="search">
      <span className="hidden">{label}</span>
      <Icon name="search" />
      <input type="search" value={value} placeholder={placeholder ?? label} onChange={(event) => onChange(event.target.value)} />
    </label>
  );
}
