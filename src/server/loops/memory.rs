//! Gives memory back that the allocator keeps after large answers: glibc returns by itself only what is free at the end
//! of its heaps.

use std::time::Duration;

/// How often it is looked whether there is something to give back.
const PAUSE: Duration = Duration::from_secs(5);

/// By how many bytes unused memory has to grow until it is given back.
const WORTH: u64 = 8 << 20;

/// Measurements of the memory since it was last given back.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// The least that was not used.
    unused: u64,
    /// The most that was allocated.
    allocated: u64,
}

/// Gives memory back for ever, where the allocator does not do it by itself.
pub async fn run() {
    let mut seen = Seen {
        unused: u64::MAX,
        allocated: 0,
    };
    loop {
        // Walking through the heaps takes up to some milliseconds.
        let looked = tokio::task::spawn_blocking(move || look(seen)).await;
        seen = looked.unwrap_or(seen);
        tokio::time::sleep(PAUSE).await;
    }
}

/// Gives back what is not used if that has grown enough, or if so much was freed that more of it can be given back than last
/// time. Returns what was seen since.
fn look(seen: Seen) -> Seen {
    let now = Seen::now();
    let has_grown = now.unused > seen.unused.saturating_add(WORTH);
    let was_freed = now.allocated.saturating_add(WORTH) < seen.allocated;
    if !has_grown && !was_freed {
        return Seen {
            unused: seen.unused.min(now.unused),
            allocated: seen.allocated.max(now.allocated),
        };
    }
    let given = give_back();
    let after = Seen::now();
    tracing::debug!(
        before = now.unused,
        after = after.unused,
        given,
        "gave memory back"
    );
    after
}

impl Seen {
    /// The memory as it is now. Code and stacks of the process count as unused too.
    fn now() -> Seen {
        let allocated = taken();
        Seen {
            unused: resident().saturating_sub(allocated),
            allocated,
        }
    }
}

/// Returns the memory that the process has, in bytes; 0 where the system does not say.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1_024
}

/// Returns how many bytes are allocated. From 4 GiB on they are counted from zero again.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "mallinfo has no safe form")]
fn taken() -> u64 {
    // SAFETY: it takes no pointer, and may be called at any time by any thread (mallinfo(3)). Its successor, which can count
    // further, is not everywhere.
    let info = unsafe { libc::mallinfo() };
    u64::from(info.uordblks.cast_unsigned()) + u64::from(info.hblkhd.cast_unsigned())
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn taken() -> u64 {
    0
}

/// Returns whether anything was given back.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "malloc_trim has no safe form")]
fn give_back() -> bool {
    // SAFETY: it takes no pointer, and may be called at any time by any thread (malloc_trim(3)).
    unsafe { libc::malloc_trim(0) == 1 }
}

/// Other allocators do it by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_back() -> bool {
    false
}
