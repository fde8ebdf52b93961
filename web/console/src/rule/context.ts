import { createContext, useContext } from 'react';
import type { RuleHistory } from './history';
import type { Preview } from './preview';
import type { Vocabulary } from './vocabulary';

export interface Editing {
  history: RuleHistory;
  preview: Preview;
  vocabulary: Vocabulary;
  /** The card whose controls are shown. */
  openId: number | null;
  open(id: number | null): void;
  /** Moves the focus to the card of a node once it is rendered; with `inside` to its first control. */
  focus(id: number, inside?: boolean): void;
  /** Opens the list of conditions to add to a branch. */
  addTo(branchId: number): void;
}

export const EditingContext = createContext<Editing>(null as unknown as Editing);

export function useEditing(): Editing {
  return useContext(EditingContext);
}
