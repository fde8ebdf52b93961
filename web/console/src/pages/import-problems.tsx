import { useQuery } from 'urql';
import { download } from '../api/download';
import { describeError } from '../api/errors';
import { graphql } from '../api/graphql';
import { words } from '../ui/badge';
import { Notice } from '../ui/notice';
import { Panel } from '../ui/page';
import { Pager, PAGE_SIZE, usePaging } from '../ui/pager';
import { toast } from '../ui/toasts';
import type { ImportData } from './import';

const problemsQuery = graphql(`
  query ImportProblems($id: ID!, $first: Int!, $after: String) {
    import(id: $id) {
      id
      problems(first: $first, after: $after) {
        totalCount
        pageInfo { hasNextPage endCursor }
        nodes { line column kind value reason }
      }
    }
  }
`);

export function ImportProblems({ shown }: { shown: ImportData }) {
  const paging = usePaging();
  const [{ data, error }] = useQuery({ query: problemsQuery, variables: { id: shown.id, first: PAGE_SIZE, after: paging.after } });
  const problems = data?.import?.problems;
  const save = async (address: string, name: string) => {
    const wrong = await download(address, name);
    if (wrong) toast(wrong);
  };
  if (error) return <Notice kind="error" title="The problems could not be loaded"><p>{describeError(error)}</p></Notice>;
  if (!problems || problems.totalCount === 0) return null;
  return (
    <Panel
      title="What was noticed"
      actions={
        <>
          <button type="button" onClick={() => void save(shown.problemsUrl, 'problems.csv')}>Save as CSV</button>
          {shown.report.refused > 0 && <button type="button" onClick={() => void save(shown.refusedUrl, `refused-${shown.fileName || 'rows.csv'}`)}>Save the refused rows</button>}
        </>
      }
    >
      {shown.report.refused > 0 && <p className="hint">Correct the file of refused rows and import it: only what was missing is added.</p>}
      <div className="table-box">
        <table>
          <thead><tr><th className="number">Line</th><th>Column</th><th>Value</th><th>What</th></tr></thead>
          <tbody>
            {problems.nodes.map(({ line, column, kind, value, reason }, index) => (
              <tr key={index}>
                <td className="number" data-label="Line">{line}</td>
                <td data-label="Column">{column ?? '–'}</td>
                <td data-label="Value">{value ?? '–'}</td>
                <td data-label="What">{reason}<small className="hint"> {words(kind)}</small></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Pager paging={paging} shown={problems.nodes.length} totalCount={problems.totalCount} pageInfo={problems.pageInfo} what="remarks" />
    </Panel>
  );
}
