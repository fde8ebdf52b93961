import { useEffect, type ReactNode } from 'react';
import { Link } from 'wouter';
import { Notice } from './notice';

interface Props {
  title: string;
  /** Where the page belongs: a link above the title. */
  parent?: { href: string; label: string };
  /** Beside the title. */
  badges?: ReactNode;
  /** Below the title. */
  lead?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

/** A page with its heading and what can be done on it. */
export function Page({ title, parent, badges, lead, actions, children }: Props) {
  useEffect(() => {
    document.title = `${title} · Rollcall`;
  }, [title]);
  return (
    <div className="page">
      {parent && <nav className="crumbs" aria-label="Breadcrumb"><Link href={parent.href}>{parent.label}</Link></nav>}
      <div className="page-head">
        <div className="page-title">
          <h1>{title}</h1>
          {badges}
        </div>
        {actions && <div className="actions">{actions}</div>}
        {lead && <div className="lead">{lead}</div>}
      </div>
      {children}
    </div>
  );
}

/** A page that cannot be shown, and why. */
export function Failed({ title, children }: { title: string; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Rollcall`;
  }, [title]);
  return (
    <div className="page">
      <h1 className="hidden">{title}</h1>
      <Notice kind="error" title={title}>{children}</Notice>
    </div>
  );
}

/** A part of a page with a heading. */
export function Panel({ title, actions, children, className = '' }: { title: ReactNode; actions?: ReactNode; children: ReactNode; className?: string }) {
  return (
    <section className={`panel ${className}`}>
      <div className="panel-head"><h2>{title}</h2>{actions && <div className="actions">{actions}</div>}</div>
      {children}
    </section>
  );
}

/** Shown in place of an empty list. */
export function Empty({ children }: { children: ReactNode }) {
  return <div className="empty">{children}</div>;
}
