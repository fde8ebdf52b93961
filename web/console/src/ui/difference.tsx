// Two sentences word by word: what went and what came.
import { useMemo } from 'react';

export interface Piece {
  kind: 'same' | 'gone' | 'new';
  text: string;
}

/** Longer texts are shown as they are: comparing takes the product of both lengths. */
const MOST = 1500;

/** Returns the words that both have, those that only the old one has, and those that only the new one has. */
export function compareWords(before: string, after: string): Piece[] {
  const [old, now] = [cut(before), cut(after)];
  if (old.length > MOST || now.length > MOST) return [{ kind: 'gone', text: before }, { kind: 'new', text: after }];
  // The length of the longest common list of words from each pair of places on.
  const common = Array.from({ length: old.length + 1 }, () => new Uint16Array(now.length + 1));
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = now.length - 1; j >= 0; j -= 1) {
      common[i]![j] = isSame(old[i], now[j]) ? common[i + 1]![j + 1]! + 1 : Math.max(common[i + 1]![j]!, common[i]![j + 1]!);
    }
  }
  const pieces: Piece[] = [];
  const add = (kind: Piece['kind'], text: string) => {
    const last = pieces.at(-1);
    if (last?.kind === kind) last.text += text;
    else pieces.push({ kind, text });
  };
  for (let i = 0, j = 0; i < old.length || j < now.length;) {
    if (i < old.length && j < now.length && isSame(old[i], now[j])) {
      add('same', now[j]!);
      i += 1;
      j += 1;
    } else if (i < old.length && (j === now.length || common[i + 1]![j]! >= common[i]![j + 1]!)) {
      add('gone', old[i]!);
      i += 1;
    } else {
      add('new', now[j]!);
      j += 1;
    }
  }
  return pieces;
}

/** The last word of a text has no space after it. */
function isSame(one: string | undefined, other: string | undefined): boolean {
  return one?.trimEnd() === other?.trimEnd();
}

/** Cuts a text into words with the space after them; marks at their end are words of their own. */
function cut(text: string): string[] {
  return text.match(/[^\s.,;:()]+\s*|[.,;:()]\s*|\s+/g) ?? [];
}

interface Props {
  before: string;
  after: string;
  /** Which words to show; both if absent. */
  only?: 'before' | 'after';
}

/** A text with what differs from another one marked. */
export function Difference({ before, after, only }: Props) {
  const pieces = useMemo(() => compareWords(before, after), [before, after]);
  const left = only === 'before' ? 'new' : only === 'after' ? 'gone' : null;
  return (
    <p className="summary">
      {pieces.filter(({ kind }) => kind !== left).map(({ kind, text }, index) => (
        kind === 'same' ? text : kind === 'gone' ? <del key={index}>{text}</del> : <ins key={index}>{text}</ins>
      ))}
    </p>
  );
}
