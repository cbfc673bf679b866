//! A7: what else may lie in the folder, and who else may use it.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::settings::{self, Shape};
use crate::support::{DIR, Names, Rig};
use pronubes_log::fs::{Fs, RealFs};
use pronubes_log::{Log, OpenError, Runner};

/// A folder that goes away at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn open(&self) -> Result<Log, OpenError> {
        let settings = settings::tiny(Shape::PLAIN);
        Log::open(Arc::new(RealFs), &self.0.join("log"), settings, Runner::Inline, Arc::new(Names), 1)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A disk with a log of some segments, closed in order, and its ledger.
fn written() -> Rig {
    let mut rig = Rig::new(settings::tiny(Shape::PLAIN), 1);
    for _ in 0..200 {
        rig.append(200, 1);
        rig.flush(false);
        rig.poll(50_000_000);
    }
    rig.settle();
    rig.log.take().expect("open").close();
    rig.is_damaged = true;
    rig
}

fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

/// Every byte below the folder, so that a test can say what must not be gone.
fn all_bytes(rig: &Rig) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(DIR)];
    while let Some(folder) = folders.pop() {
        for entry in rig.fs.entries(&folder) {
            match entry.is_file {
                true => found.extend(rig.fs.peek(&folder.join(&entry.name))),
                false => folders.push(folder.join(&entry.name)),
            }
        }
    }
    found
}

#[test]
fn files_of_strangers_are_left_alone_and_nothing_keeps_the_log_from_opening() {
    let strangers: [(&str, &[u8]); 6] = [
        ("README.txt", b"not ours"),
        ("abc.seg", b"not ours"),
        ("-1.seg", b""),
        ("99999999999999999999999999.seg", b"too large a number"),
        ("00000000000000000001.seg.old", b"a copy"),
        ("lost+found", b""),
    ];
    for (name, bytes) in strangers {
        let mut rig = written();
        rig.fs.put(&path(name), bytes).expect("put");
        rig.open();
        assert!(rig.lost.is_empty(), "{name}: {:?}", rig.events);
        assert!(all_bytes(&rig).iter().any(|kept| kept == bytes), "{name} is gone");
        rig.append(20, 1);
        rig.recover();
        rig.verify();
    }
}

#[test]
fn an_empty_or_short_or_foreign_segment_costs_only_itself() {
    let foreign: [&[u8]; 4] = [b"", b"x", &[0; 4_096], b"SQLite format 3\0and more that is not ours at all"];
    for bytes in foreign {
        for which in 0..3 {
            let mut rig = written();
            let segments = rig.segments();
            let (name, _) = &segments[[0, segments.len() / 2, segments.len() - 1][which]];
            rig.fs.put(&path(name), bytes).expect("put");
            rig.open();
            rig.append(20, 1);
            rig.recover();
            rig.verify();
            assert!(!rig.lost.is_empty(), "a segment is gone and nothing is reported: {:?}", rig.events);
        }
    }
}

#[test]
fn a_folder_in_place_of_a_file_costs_only_that_file() {
    for name in ["meta", "cursor.a", "cursor.b", "00000000000000000001.seg", "99999999999999999999.seg"] {
        let mut rig = written();
        if rig.fs.peek(&path(name)).is_some() {
            rig.fs.remove(&path(name)).expect("removed");
        }
        rig.fs.create_dir_all(&path(name)).expect("a folder");
        rig.open();
        rig.append(20, 1);
        rig.recover();
        rig.verify();
    }
}

#[test]
fn lost_or_damaged_side_files_lose_no_record() {
    let names: Vec<&[&str]> = vec![&["meta"], &["cursor.a"], &["cursor.b"], &["cursor.a", "cursor.b"]];
    for names in names {
        for damage in [None, Some(&b""[..]), Some(&[0xA5; 200][..]), Some(&[0; 4_096][..])] {
            let mut rig = written();
            for name in names {
                match damage {
                    Some(bytes) => rig.fs.put(&path(name), bytes).expect("put"),
                    None if rig.fs.peek(&path(name)).is_some() => rig.fs.remove(&path(name)).expect("removed"),
                    None => {}
                }
            }
            rig.open();
            rig.recover();
            rig.verify();
            assert!(rig.lost.is_empty(), "{names:?}, {damage:?}: {:?}", rig.events);
            let from = rig.consumers[0].next;
            assert_eq!((from, rig.read(from).records.len()), (1, 200), "{names:?}, {damage:?}");
        }
    }
}

#[test]
fn a_later_version_is_set_aside_whole_and_never_deleted() {
    for name in ["meta", "00000000000000000001.seg"] {
        let mut rig = written();
        let mut bytes = rig.fs.peek(&path(name)).expect("it is there");
        crate::golden::set_version(&mut bytes, 0x7F);
        rig.fs.put(&path(name), &bytes).expect("put");
        rig.open();
        assert!(all_bytes(&rig).contains(&bytes), "{name} of a later version is gone");
        rig.append(20, 1);
        rig.recover();
        rig.verify();
        assert!(all_bytes(&rig).contains(&bytes), "{name} of a later version is gone later");
    }
}

#[test]
fn the_other_byte_order_is_no_log_of_ours() {
    let mut rig = written();
    for (name, _) in rig.segments() {
        let mut bytes = rig.fs.peek(&path(&name)).expect("it is there");
        bytes.chunks_exact_mut(4).for_each(<[u8]>::reverse);
        rig.fs.put(&path(&name), &bytes).expect("put");
    }
    rig.open();
    rig.append(20, 1);
    rig.recover();
    rig.verify();
}

#[test]
fn a_second_process_is_refused_and_the_first_goes_on() {
    let folder = Folder::new("second");
    let first = folder.open().expect("it opens");
    let Err(OpenError::Locked { .. }) = folder.open() else { panic!("two owners") };
    first.close();
    folder.open().expect("free again").close();
}

#[test]
fn folders_and_files_are_for_their_owner_only() {
    let folder = Folder::new("modes");
    folder.open().expect("it opens").close();
    let mode = |path: &Path| std::fs::metadata(path).expect("it is there").mode() & 0o777;
    assert_eq!(mode(&folder.0.join("log")), 0o700);
    for entry in std::fs::read_dir(folder.0.join("log")).expect("readable") {
        let entry = entry.expect("an entry").path();
        assert_eq!(mode(&entry) & 0o077, 0, "{}", entry.display());
    }
}

#[test]
fn a_symbolic_link_is_not_followed() {
    let folder = Folder::new("link");
    folder.open().expect("it opens").close();
    let target = folder.0.join("elsewhere");
    std::fs::write(&target, b"precious").expect("written");
    for name in ["cursor.a", "LOCK"] {
        let link = folder.0.join("log").join(name);
        let _ = std::fs::remove_file(&link);
        symlink(&target, &link).expect("linked");
        if let Ok(log) = folder.open() {
            log.close();
        }
        assert_eq!(std::fs::read(&target).expect("still there"), b"precious", "{name}");
        let _ = std::fs::remove_file(&link);
    }
}

#[test]
fn a_folder_that_may_not_be_written_is_a_clear_error() {
    let folder = Folder::new("forbidden");
    if RealFs.create_new(Path::new("/proc/pronubes")).is_ok() {
        return;
    }
    std::fs::write(folder.0.join("log"), b"a file where the folder should be").expect("written");
    let Err(error) = folder.open() else { panic!("a file is no folder") };
    let text = error.to_string();
    assert!(text.contains("log"), "says nothing of the place: {text}");
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|data| data.uid() == 0);
    std::fs::remove_file(folder.0.join("log")).expect("removed");
    if !is_root {
        std::fs::set_permissions(&folder.0, Permissions::from_mode(0o500)).expect("its owner may");
        assert!(folder.open().is_err());
        std::fs::set_permissions(&folder.0, Permissions::from_mode(0o700)).expect("its owner may");
    }
}
