// What every page needs: the server's time and time zone, and what the caller may do.
import { createContext, useContext } from 'react';
import { graphql, type ResultOf } from './graphql';

export const shellQuery = graphql(`
  query Shell {
    viewer { isOpen scopes name session { expiresAt } }
    settings { timeZone refreshAt }
    previewSegment(rule: { everyone: true }, first: 0) { asOf memberCount }
  }
`);

export interface Shell {
  timeZone: string;
  refreshAt: string;
  /** How many people there are. */
  audienceCount: number;
  /** Whether this server needs no key. */
  isOpen: boolean;
  /** The name of the API key. */
  name: string | null;
  canWrite: boolean;
  isAdmin: boolean;
  /** Returns the server's time; its clock may be another than the browser's. */
  now(): Date;
}

export function toShell(data: ResultOf<typeof shellQuery>): Shell {
  const lead = Date.parse(data.previewSegment.asOf) - Date.now();
  return {
    timeZone: data.settings.timeZone,
    refreshAt: data.settings.refreshAt,
    audienceCount: data.previewSegment.memberCount ?? 0,
    isOpen: data.viewer.isOpen,
    name: data.viewer.name,
    canWrite: data.viewer.scopes.includes('WRITE'),
    isAdmin: data.viewer.scopes.includes('ADMIN'),
    now: () => new Date(Date.now() + lead),
  };
}

export const ShellContext = createContext<Shell>(null as unknown as Shell);

export function useShell(): Shell {
  return useContext(ShellContext);
}
