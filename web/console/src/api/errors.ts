// What went wrong, in words.
import type { CombinedError } from 'urql';

export interface UserError {
  path: string;
  message: string;
  hint?: string | null;
  code: string;
}

/** Returns what an error of the API says. */
export function describeError(error: CombinedError): string {
  if (error.networkError) {
    const response = error.response as Response | undefined;
    if (response?.status === 403) return 'Your API key does not have the right to do this.';
    return 'The server cannot be reached. Check the connection and try again.';
  }
  const messages = error.graphQLErrors.map((each) => each.message);
  return messages.join(' ') || error.message;
}

/** Returns what a mutation's errors say; null if there are none. */
export function describeUserErrors(errors: readonly UserError[] | undefined): string | null {
  if (!errors?.length) return null;
  return errors.map((error) => [capital(error.message), error.hint && capital(error.hint)].filter(Boolean).join('. ')).join('\n');
}

/** Returns a sentence that begins with a capital. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
