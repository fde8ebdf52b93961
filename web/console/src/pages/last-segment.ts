// The segment that was looked at last: whoever opens a person next wants to know why they are in it or not.
import { base } from '../api/place';

const place = `rollcall${base}:segment`;

/** Remembers the key of a segment while the page is open. */
export function rememberSegment(key: string): void {
  try {
    sessionStorage.setItem(place, key);
  } catch {
    // A browser without storage only forgets.
  }
}

export function lastSegment(): string | null {
  try {
    return sessionStorage.getItem(place);
  } catch {
    return null;
  }
}
