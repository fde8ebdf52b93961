import { useQuery } from 'urql';
import { Link } from 'wouter';
import { describeError } from '../api/errors';
import { graphql } from '../api/graphql';
import { useShell } from '../api/shell';
import { Badge, StateBadge, words } from '../ui/badge';
import { formatNumber } from '../ui/format';
import { Loading } from '../ui/loading';
import { Moment } from '../ui/moment';
import { Notice } from '../ui/notice';
import { Empty, Page } from '../ui/page';
import { Pager, PAGE_SIZE, usePaging } from '../ui/pager';

const importsQuery = graphql(`
  query Imports($first: Int!, $after: String) {
    imports(first: $first, after: $after) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes { id number fileName kind state dryRun createdAt report { rows created updated refused } }
    }
  }
`);

export function Imports() {
  const { canWrite } = useShell();
  const paging = usePaging();
  const [{ data, error }] = useQuery({ query: importsQuery, variables: { first: PAGE_SIZE, after: paging.after } });
  const imports = data?.imports;
  return (
    <Page title="Imports" lead="Files of people and of events. Each import can be tried first, and undone." actions={canWrite && <Link className="button primary" href="/imports/new">New import</Link>}>
      {error && <Notice kind="error" title="The imports could not be loaded"><p>{describeError(error)}</p></Notice>}
      {!imports && !error && <Loading what="imports" />}
      {imports && imports.nodes.length === 0 && <Empty>No import yet. <Link href="/imports/new">Import a file</Link>.</Empty>}
      {imports && imports.nodes.length > 0 && (
        <>
          <div className="table-box">
            <table>
              <thead><tr><th>File</th><th>State</th><th>Kind</th><th className="number">Rows</th><th className="number">New</th><th className="number">Changed</th><th className="number">Refused</th><th>When</th></tr></thead>
              <tbody>
                {imports.nodes.map(({ id, number, fileName, kind, state, dryRun, createdAt, report }) => (
                  <tr key={id}>
                    <th scope="row"><Link href={`/imports/${encodeURIComponent(id)}`}>{fileName || `Import ${number}`}</Link></th>
                    <td data-label="State"><StateBadge state={state} />{dryRun && <> <Badge>Check only</Badge></>}</td>
                    <td data-label="Kind">{words(kind)}</td>
                    <td className="number" data-label="Rows">{formatNumber(report.rows)}</td>
                    <td className="number" data-label="New">{formatNumber(report.created)}</td>
                    <td className="number" data-label="Changed">{formatNumber(report.updated)}</td>
                    <td className="number" data-label="Refused">{formatNumber(report.refused)}</td>
                    <td data-label="When"><Moment at={createdAt} /></td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <Pager paging={paging} shown={imports.nodes.length} totalCount={imports.totalCount} pageInfo={imports.pageInfo} what="imports" />
        </>
      )}
    </Page>
  );
}
