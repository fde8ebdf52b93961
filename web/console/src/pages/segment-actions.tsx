import { useState } from 'react';
import { useClient } from 'urql';
import { Link, useLocation } from 'wouter';
import { describeError, describeUserErrors } from '../api/errors';
import { graphql } from '../api/graphql';
import { download } from '../api/download';
import { base } from '../api/place';
import { Dialog } from '../ui/dialog';
import { people } from '../ui/format';
import { Icon } from '../ui/icon';
import { Menu } from '../ui/menu';
import { Notice } from '../ui/notice';
import { toast } from '../ui/toasts';
import { toKey } from './edit-segment';
import type { SegmentData } from './segment';

const refreshMutation = graphql(`
  mutation RefreshSegment($input: RefreshSegmentsInput!) {
    refreshSegments(input: $input) { refresh { id state } userErrors { path message hint code } }
  }
`);

const archiveMutation = graphql(`
  mutation ArchiveSegment($input: UpdateSegmentInput!) {
    updateSegment(input: $input) { segment { id archivedAt version } userErrors { path message hint code } }
  }
`);

const copyMutation = graphql(`
  mutation CopyToGroup($input: CopySegmentToGroupInput!) {
    copySegmentToGroup(input: $input) { addedCount unchangedCount group { id key name } userErrors { path message hint code } }
  }
`);

const copySegmentMutation = graphql(`
  mutation CopySegment($input: CopySegmentInput!) {
    copySegment(input: $input) { segment { id key } userErrors { path message hint code } }
  }
`);

export function SegmentActions({ segment, onChanged }: { segment: SegmentData; onChanged(): void }) {
  const client = useClient();
  const [, navigate] = useLocation();
  const [isCopying, setCopying] = useState(false);
  const refresh = async () => {
    const { data, error } = await client.mutation(refreshMutation, { input: { segments: [segment.key] } }).toPromise();
    const wrong = error ? describeError(error) : describeUserErrors(data?.refreshSegments.userErrors);
    toast(wrong ?? 'The refresh has started');
    setTimeout(onChanged, 500);
  };
  const exportMembers = async () => {
    const wrong = await download(`${base}/export/segment/${encodeURIComponent(segment.key)}`, `${segment.key}.csv`);
    if (wrong) toast(wrong);
  };
  const copy = async () => {
    const input = { id: segment.id, key: `${segment.key}-copy`, name: `${segment.name}, copy` };
    const { data, error } = await client.mutation(copySegmentMutation, { input }).toPromise();
    const wrong = error ? describeError(error) : describeUserErrors(data?.copySegment.userErrors);
    if (wrong !== null) return toast(wrong);
    navigate(`/segments/${data!.copySegment.segment!.key}/edit`);
    return undefined;
  };
  const archive = async (archived: boolean) => {
    const { data, error } = await client.mutation(archiveMutation, { input: { id: segment.id, archived, ifVersion: segment.version } }).toPromise();
    const wrong = error ? describeError(error) : describeUserErrors(data?.updateSegment.userErrors);
    toast(wrong ?? (archived ? 'The segment is archived: its members stay as they are' : 'The segment is refreshed again'));
    onChanged();
  };
  return (
    <>
      <Menu label="More" name="More actions">
        {!segment.archivedAt && <button type="button" onClick={() => void refresh()}><Icon name="refresh" /> Refresh now</button>}
        <button type="button" onClick={() => void exportMembers()}><Icon name="import" /> Export as CSV</button>
        <button type="button" onClick={() => setCopying(true)}><Icon name="group" /> Copy the members to a group</button>
        <button type="button" onClick={() => void copy()}><Icon name="copy" /> Make a copy</button>
        <button type="button" onClick={() => void archive(!segment.archivedAt)}><Icon name="bin" /> {segment.archivedAt ? 'Take it out of the archive' : 'Archive'}</button>
      </Menu>
      <Link className="button primary" href={`/segments/${segment.key}/edit`}>Edit</Link>
      {isCopying && <CopyDialog segment={segment} onClose={() => setCopying(false)} />}
    </>
  );
}

function CopyDialog({ segment, onClose }: { segment: SegmentData; onClose(): void }) {
  const client = useClient();
  const [group, setGroup] = useState(() => toKey(segment.key));
  const [wrong, setWrong] = useState<string | null>(null);
  const copy = async () => {
    const input = { segment: segment.key, group, createGroup: true };
    const { data, error } = await client.mutation(copyMutation, { input }).toPromise();
    const problem = error ? describeError(error) : describeUserErrors(data?.copySegmentToGroup.userErrors);
    setWrong(problem);
    if (problem !== null) return;
    toast(`${people(data!.copySegmentToGroup.addedCount)} added to the group “${data!.copySegmentToGroup.group?.name}”`);
    onClose();
  };
  return (
    <Dialog title="Copy the members to a group" onClose={onClose}>
      <form className="form" onSubmit={(event) => { event.preventDefault(); void copy(); }}>
        <p>A group keeps its people until a person changes them, also when the segment changes.</p>
        <label className="field">Key of the group<input className="code" required value={group} onChange={(event) => setGroup(event.target.value)} /><small className="hint">It is made if it does not exist.</small></label>
        {wrong && <Notice kind="error" title="Nothing was copied"><p>{wrong}</p></Notice>}
        <div className="actions end"><button type="button" onClick={onClose}>Cancel</button><button type="submit" className="primary">Copy</button></div>
      </form>
    </Dialog>
  );
}
