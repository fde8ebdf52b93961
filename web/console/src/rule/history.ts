// Undo and redo.
import { useCallback, useReducer } from 'react';
import type { Branch } from './tree';

/** How many steps are kept. */
const MOST = 200;
/** Changes of one field within this time are one step. */
const TOGETHER = 1200;

interface History {
  past: Branch[];
  present: Branch;
  future: Branch[];
  /** What the last change was about, and when. */
  last: { about: string; at: number } | null;
}

type Action =
  | { type: 'change'; change: (root: Branch) => Branch; about: string | null; at: number }
  | { type: 'undo' }
  | { type: 'redo' }
  | { type: 'reset'; root: Branch };

function reduce(history: History, action: Action): History {
  const { past, present, future, last } = history;
  switch (action.type) {
    case 'change': {
      const changed = action.change(present);
      if (changed === present) return history;
      const { about, at } = action;
      const isTogether = about !== null && last?.about === about && at - last.at < TOGETHER;
      return {
        past: isTogether ? past : [...past, present].slice(-MOST),
        present: changed,
        future: [],
        last: about === null ? null : { about, at },
      };
    }
    case 'undo': {
      const before = past.at(-1);
      return before ? { past: past.slice(0, -1), present: before, future: [present, ...future], last: null } : history;
    }
    case 'redo': {
      const [after, ...rest] = future;
      return after ? { past: [...past, present], present: after, future: rest, last: null } : history;
    }
    case 'reset':
      return { past: [], present: action.root, future: [], last: null };
  }
}

export interface RuleHistory {
  root: Branch;
  canUndo: boolean;
  canRedo: boolean;
  /** Changes the rule. Changes with the same `about`, soon after each other, are undone together. */
  change(change: (root: Branch) => Branch, about?: string): void;
  undo(): void;
  redo(): void;
  reset(root: Branch): void;
}

export function useRuleHistory(start: () => Branch): RuleHistory {
  const [history, dispatch] = useReducer(reduce, null, () => ({ past: [], present: start(), future: [], last: null }));
  return {
    root: history.present,
    canUndo: history.past.length > 0,
    canRedo: history.future.length > 0,
    change: useCallback((change, about) => dispatch({ type: 'change', change, about: about ?? null, at: Date.now() }), []),
    undo: useCallback(() => dispatch({ type: 'undo' }), []),
    redo: useCallback(() => dispatch({ type: 'redo' }), []),
    reset: useCallback((root) => dispatch({ type: 'reset', root }), []),
  };
}
