// Sending files of imports. A chosen file is kept in memory, so that a check and the import after it need one choice.
import { graphql, type VariablesOf } from './graphql';
import { consoleHeader } from './place';
import type { Client } from 'urql';
import { describeError, describeUserErrors } from './errors';

const createMutation = graphql(`
  mutation CreateImport($input: CreateImportInput!) {
    createImport(input: $input) { import { id uploadUrl } userErrors { path message hint code } }
  }
`);

export type ImportInput = VariablesOf<typeof createMutation>['input'];

interface Chosen {
  file: File;
  input: ImportInput;
}

const chosen = new Map<string, Chosen>();

/** Returns the file of an import, if it was chosen since this page was loaded. */
export function chosenFor(importId: string): Chosen | undefined {
  return chosen.get(importId);
}

/** Makes an import and sends its file. Returns the import's id, or what was wrong. */
export async function sendImport(client: Client, file: File, input: ImportInput): Promise<{ id: string } | { wrong: string }> {
  const { data, error } = await client.mutation(createMutation, { input: { ...input, fileName: file.name } }).toPromise();
  const wrong = error ? describeError(error) : describeUserErrors(data?.createImport.userErrors);
  const made = data?.createImport.import;
  if (wrong !== null || !made?.uploadUrl) return { wrong: wrong ?? 'The server gave no address for the file.' };
  try {
    const response = await fetch(made.uploadUrl, {
      method: 'PUT', headers: { ...consoleHeader, 'Content-Type': 'application/octet-stream' }, body: file,
    });
    if (!response.ok) return { wrong: await whatIsWrong(response) };
  } catch {
    return { wrong: 'The file could not be sent. Check the connection and try again.' };
  }
  chosen.set(made.id, { file, input });
  return { id: made.id };
}

async function whatIsWrong(response: Response): Promise<string> {
  try {
    const body = (await response.json()) as { errors?: { message: string }[] };
    if (body.errors?.[0]) return body.errors[0].message;
  } catch {
    // Not JSON: the status has to do.
  }
  return `The server answered with ${response.status} ${response.statusText}.`;
}
