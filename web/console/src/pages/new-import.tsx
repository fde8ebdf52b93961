import { useState, type DragEvent } from 'react';
import { useClient } from 'urql';
import { useLocation, useSearchParams } from 'wouter';
import { sendImport, type ImportInput } from '../api/upload';
import { Notice } from '../ui/notice';
import { Page } from '../ui/page';

export function NewImport() {
  const client = useClient();
  const [, navigate] = useLocation();
  const [parameters] = useSearchParams();
  const [kind, setKind] = useState<ImportInput['kind']>('SUBSCRIBERS');
  const [file, setFile] = useState<File | null>(null);
  const [wrong, setWrong] = useState<string | null>(null);
  const [isOver, setOver] = useState(false);
  const [isSending, setSending] = useState(false);
  const group = parameters.get('group');

  const send = async () => {
    if (!file) return setWrong('Choose a file first.');
    setSending(true);
    const sent = await sendImport(client, file, { kind, review: true, ...(group ? { groups: [group] } : {}) });
    setSending(false);
    if ('wrong' in sent) return setWrong(sent.wrong);
    navigate(`/imports/${encodeURIComponent(sent.id)}`);
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    const dropped = event.dataTransfer.files[0];
    if (dropped) setFile(dropped);
  };
  return (
    <Page title="New import" parent={{ href: '/imports', label: 'Imports' }} lead="The whole file is looked at before anything is written. Then you see what each column becomes.">
      <form className="panel narrow form" onSubmit={(event) => { event.preventDefault(); void send(); }}>
        <fieldset className="segmented filters">
          <legend>What is in the file?</legend>
          <label><input type="radio" name="kind" checked={kind === 'SUBSCRIBERS'} onChange={() => setKind('SUBSCRIBERS')} />People</label>
          <label><input type="radio" name="kind" checked={kind === 'EVENTS'} onChange={() => setKind('EVENTS')} />Events: what people did</label>
        </fieldset>
        <div
          className={`drop ${isOver ? 'over' : ''}`}
          onDragOver={(event) => { event.preventDefault(); setOver(true); }}
          onDragLeave={() => setOver(false)}
          onDrop={drop}
        >
          <label className="field">
            <span>Drop a file here, or choose one</span>
            <input type="file" onChange={(event) => setFile(event.target.files?.[0] ?? null)} />
          </label>
          <p className="hint">CSV or another table of text, Excel (.xlsx), or JSON with an object on each line; also packed with ZIP or gzip.</p>
        </div>
        {group && <p>All people in the file are added to the group <strong>{group}</strong>.</p>}
        {wrong && <Notice kind="error" title="The file was not sent"><p>{wrong}</p></Notice>}
        <div className="actions end"><button type="submit" className="primary" disabled={isSending || !file}>{isSending ? 'Sending…' : 'Look at the file'}</button></div>
      </form>
    </Page>
  );
}
