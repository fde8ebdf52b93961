// Files from the server. They are fetched by script, because the session's cookie counts with the console's header only.
import { consoleHeader } from './place';

/** Saves what the server answers at an address as a file. Returns what was wrong, or null. */
export async function download(address: string, fileName: string): Promise<string | null> {
  try {
    const response = await fetch(address, { headers: consoleHeader });
    if (!response.ok) return `The server answered with ${response.status} ${response.statusText}.`;
    saveFile(await response.blob(), fileName);
    return null;
  } catch {
    return 'The file could not be loaded from the server.';
  }
}

/** Saves content as a file. */
export function saveFile(content: Blob, fileName: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
