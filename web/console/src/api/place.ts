// Where the console is served. The server writes its base path into the page.

const meta = document.querySelector<HTMLMetaElement>('meta[name="rollcall-base"]');

/** The path before every path of this server: empty, or such as `/crm`. */
export const base = meta?.content ?? '';

/** The path of the console itself, without a slash at the end. */
export const home = `${base}/console`;

/** The header that marks requests of the console. The server accepts the session's cookie only with it. */
export const consoleHeader = { 'X-Rollcall-Console': '1' };

/** Returns the address of GraphiQL with this document and these variables in it. */
export function graphiqlAddress(query: string, variables: unknown): string {
  const parameters = new URLSearchParams({ query, variables: JSON.stringify(variables, null, 2) });
  return `${base}/graphiql#${parameters}`;
}
