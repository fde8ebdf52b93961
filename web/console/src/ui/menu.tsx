import { useEffect, useId, useLayoutEffect, useRef, useState, type ReactNode } from 'react';
import { Icon, type IconName } from './icon';

interface Props {
  label: string;
  icon?: IconName;
  /** The name for screen readers, where the label alone says too little. */
  name?: string;
  iconOnly?: boolean;
  children: ReactNode;
}

/** A button that shows a list of actions below it. Escape, a click outside and each action close the list. */
export function Menu({ label, icon = 'more', name, iconOnly = false, children }: Props) {
  const [isOpen, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const [isAbove, setAbove] = useState(false);
  const listId = useId();

  // Where the window ends below the button, the list opens above it, if there is more room. It scrolls where neither is enough.
  useLayoutEffect(() => {
    const { style } = list.current!;
    style.maxHeight = '';
    if (!isOpen) return setAbove(false);
    const at = button.current!.getBoundingClientRect();
    const below = window.innerHeight - at.bottom;
    const isAbove = list.current!.offsetHeight + 8 > below && at.top > below;
    style.maxHeight = `${Math.max(160, (isAbove ? at.top : below) - 12)}px`;
    setAbove(isAbove);
  }, [isOpen]);

  useEffect(() => {
    if (!isOpen) return undefined;
    const closeOutside = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener('pointerdown', closeOutside);
    document.addEventListener('focusin', closeOutside);
    return () => {
      document.removeEventListener('pointerdown', closeOutside);
      document.removeEventListener('focusin', closeOutside);
    };
  }, [isOpen]);

  return (
    <div
      className="menu"
      ref={box}
      onKeyDown={(event) => {
        if (event.key === 'Escape' && isOpen) {
          event.stopPropagation();
          setOpen(false);
          button.current?.focus();
        }
      }}
    >
      <button
        type="button"
        ref={button}
        className={iconOnly ? 'quiet icon-only' : undefined}
        aria-expanded={isOpen}
        aria-controls={listId}
        aria-label={name ?? (iconOnly ? label : undefined)}
        title={iconOnly ? label : undefined}
        onClick={() => setOpen(!isOpen)}
      >
        <Icon name={icon} />{iconOnly ? null : label}
      </button>
      <div id={listId} ref={list} className={`menu-list ${isAbove ? 'above' : ''}`} hidden={!isOpen} onClick={(event) => (event.target as Element).closest('button, a') && setOpen(false)}>
        {isOpen && children}
      </div>
    </div>
  );
}
