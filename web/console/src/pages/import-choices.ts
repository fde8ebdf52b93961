// What was chosen for an import that has not begun. It is kept in the tab, so that a reload loses nothing.
import { base } from '../api/place';
import type { Analysis } from './import';
import type { Extras, Mapping } from './import-options';

export interface Choices {
  mapping: Mapping;
  extras: Extras;
}

const place = (importId: string) => `rollcall${base}:import:${importId}`;

/** Returns what was chosen for an import with this analysis; null if nothing was, or about other columns. */
export function readChoices(importId: string, analysis: Analysis): Choices | null {
  try {
    const { names, ...choices } = JSON.parse(sessionStorage.getItem(place(importId)) ?? 'null') as Choices & { names: string[] };
    return JSON.stringify(names) === JSON.stringify(namesOf(analysis)) ? choices : null;
  } catch {
    return null;
  }
}

export function writeChoices(importId: string, analysis: Analysis, choices: Choices): void {
  try {
    sessionStorage.setItem(place(importId), JSON.stringify({ ...choices, names: namesOf(analysis) }));
  } catch {
    // Storage is full or forbidden: a reload begins with the proposal again.
  }
}

export function dropChoices(importId: string): void {
  try {
    sessionStorage.removeItem(place(importId));
  } catch {
    // There were none.
  }
}

function namesOf(analysis: Analysis): string[] {
  return analysis.columns.map((column) => column.name);
}
