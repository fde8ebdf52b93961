import { useState } from 'react';
import { useClient, useQuery } from 'urql';
import { describeError, describeUserErrors } from '../api/errors';
import { graphql, type ResultOf } from '../api/graphql';
import { useShell } from '../api/shell';
import { Loading } from '../ui/loading';
import { Notice } from '../ui/notice';
import { Page, Panel } from '../ui/page';
import { toast } from '../ui/toasts';

const settingsQuery = graphql(`
  query Settings { settings { timeZone refreshAt keepChanges keepUndo keepAudit } }
`);
const updateMutation = graphql(`
  mutation UpdateSettings($input: UpdateSettingsInput!) {
    updateSettings(input: $input) { settings { timeZone refreshAt keepChanges keepUndo keepAudit } userErrors { path message hint code } }
  }
`);

type Settings = ResultOf<typeof settingsQuery>['settings'];

export function SettingsPage() {
  const [{ data, error }] = useQuery({ query: settingsQuery });
  return (
    <Page title="Settings" lead="All servers of this database share these. What the flags of rollcall serve set is not shown here.">
      {error && <Notice kind="error" title="The settings could not be loaded"><p>{describeError(error)}</p></Notice>}
      {!data && !error && <Loading what="settings" />}
      {data && <SettingsForm stored={data.settings} />}
    </Page>
  );
}

function SettingsForm({ stored }: { stored: Settings }) {
  const client = useClient();
  const { isAdmin } = useShell();
  const [settings, setSettings] = useState(stored);
  const [wrong, setWrong] = useState<string | null>(null);
  const set = (changed: Partial<Settings>) => setSettings({ ...settings, ...changed });
  const save = async () => {
    const { data, error } = await client.mutation(updateMutation, { input: settings }).toPromise();
    const problem = error ? describeError(error) : describeUserErrors(data?.updateSettings.userErrors);
    setWrong(problem);
    if (problem === null) toast('The settings were saved');
  };
  return (
    <Panel title="Time and keeping" className="narrow">
      <form className="form" onSubmit={(event) => { event.preventDefault(); void save(); }}>
        <label className="field">Time zone<input readOnly={!isAdmin} value={settings.timeZone} onChange={(event) => set({ timeZone: event.target.value })} /><small className="hint">Days begin and end in it. Write a name such as Europe/Vilnius.</small></label>
        <label className="field">Daily refresh at<input type="time" readOnly={!isAdmin} value={settings.refreshAt} onChange={(event) => set({ refreshAt: event.target.value })} /></label>
        <label className="field">Days to keep who joined and left<input type="number" min={1} readOnly={!isAdmin} value={settings.keepChanges} onChange={(event) => set({ keepChanges: event.target.valueAsNumber || 1 })} /></label>
        <label className="field">Days to keep what undoing an import needs<input type="number" min={0} readOnly={!isAdmin} value={settings.keepUndo} onChange={(event) => set({ keepUndo: event.target.valueAsNumber || 0 })} /></label>
        <label className="field">Days to keep the audit log<input type="number" min={30} readOnly={!isAdmin} value={settings.keepAudit} onChange={(event) => set({ keepAudit: event.target.valueAsNumber || 30 })} /></label>
        {wrong && <Notice kind="error" title="Nothing was saved"><p className="lines">{wrong}</p></Notice>}
        {isAdmin ? <div className="actions end"><button type="submit" className="primary">Save</button></div> : <p className="hint">Changing settings needs a key with the scope Admin.</p>}
      </form>
    </Panel>
  );
}
