import { formatNumber } from '../ui/format';
import { Panel } from '../ui/page';
import type { ImportData } from './import';

type Report = ImportData['report'];

const details: [keyof Report, string][] = [
  ['unchanged', 'were so already'], ['skipped', 'were skipped'], ['repeated', 'repeat an earlier row'],
  ['addedToGroups', 'were added to groups'], ['createdPeople', 'people were made for events'], ['folded', 'lines were joined to events'],
  ['consentRaised', 'may be addressed again'], ['suppressed', 'keep an earlier opt-out'], ['roleAddresses', 'are addresses of a role, such as info@'],
  ['invalidEmail', 'have no valid e-mail address'], ['unknown', 'belong to unknown people'], ['malformed', 'could not be cut into cells'],
  ['mistyped', 'hold a value of another type'], ['droppedCells', 'cells were left out'], ['remarks', 'cells were read with a remark'],
];

export function ImportReport({ report, kind, isDryRun }: { report: Report; kind: string; isDryRun: boolean }) {
  const would = isDryRun ? 'would be ' : '';
  const told = details.filter(([key]) => report[key] > 0);
  return (
    <Panel title="Report">
      <dl className="stats">
        <div><dt>Rows</dt><dd className="big">{formatNumber(report.rows)}</dd></div>
        <div><dt>{kind === 'EVENTS' ? `${would}recorded` : `${would}added`}</dt><dd className="big">{formatNumber(report.created)}</dd></div>
        {kind === 'SUBSCRIBERS' && <div><dt>{would}changed</dt><dd className="big">{formatNumber(report.updated)}</dd></div>}
        <div><dt>refused</dt><dd className="big">{formatNumber(report.refused)}</dd></div>
      </dl>
      {told.length > 0 && (
        <ul className="plain">
          {told.map(([key, what]) => <li key={key}><strong className="number">{formatNumber(report[key])}</strong> {what}</li>)}
        </ul>
      )}
    </Panel>
  );
}
