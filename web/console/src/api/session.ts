// Signing in and out. The key is sent once and kept nowhere: the server answers with a cookie no script can read.
import { base, consoleHeader } from './place';

/** Starts a session with an API key. Returns what was wrong, or null. */
export async function signIn(key: string): Promise<string | null> {
  try {
    const response = await fetch(`${base}/session`, {
      method: 'POST',
      headers: { ...consoleHeader, Authorization: `Bearer ${key}` },
    });
    if (response.ok) return null;
    if (response.status === 401) return 'This key is not known, or it is revoked or expired.';
    if (response.status === 429) return 'Too many tries. Wait a minute and try again.';
    return `The server answered with ${response.status} ${response.statusText}.`;
  } catch {
    return 'The server cannot be reached.';
  }
}

/** Ends the session. Returns what was wrong, or null; the session goes on then. */
export async function signOut(): Promise<string | null> {
  try {
    const response = await fetch(`${base}/session`, { method: 'DELETE', headers: consoleHeader });
    return response.ok ? null : `You are still signed in: the server answered with ${response.status} ${response.statusText}.`;
  } catch {
    return 'You are still signed in: the server cannot be reached.';
  }
}
