// Drafts of rules, which survive a reload. They are kept in the browser until they are saved or discarded.
import { base } from '../api/place';
import { fromRule } from './tree';

export interface Draft {
  rule: unknown;
  name: string;
  key: string;
  description: string;
  mode: 'DAILY' | 'INSTANT';
  tags: string[];
  /** The version of the segment that the draft was begun with. */
  version: number | null;
  savedAt: number;
}

function place(segment: string | null): string {
  return `rollcall${base}:draft:${segment ?? ''}`;
}

/** Returns the draft of a segment, or of a new one. */
export function readDraft(segment: string | null): Draft | null {
  try {
    const text = localStorage.getItem(place(segment));
    if (text === null) return null;
    const draft = JSON.parse(text) as Draft;
    // What is no rule of this version is dropped, or the editor could not be opened.
    fromRule(draft.rule);
    return draft;
  } catch {
    return null;
  }
}

export function writeDraft(segment: string | null, draft: Draft): void {
  try {
    localStorage.setItem(place(segment), JSON.stringify(draft));
  } catch {
    // Storage is full or forbidden: the editor works, and a reload loses the draft.
  }
}

export function dropDraft(segment: string | null): void {
  try {
    localStorage.removeItem(place(segment));
  } catch {
    // There was none.
  }
}
