//! The simulated file system itself: what a power cut may take, and what it may not.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use pronubes_log::fs::{Access, File, Fs};
use pronubes_log::sim::{Fault, Op, SimFs, When};

const DIR: &str = "/log";
const FILE: &str = "/log/a";

fn disk_with_file(bytes: &[u8]) -> (SimFs, Arc<dyn File>) {
    let fs = SimFs::new();
    fs.create_dir_all(Path::new(DIR)).expect("a folder");
    fs.sync_dir(Path::new("/")).expect("its name");
    let file = fs.create_new(Path::new(FILE)).expect("a file");
    file.write_at(bytes, 0).expect("its bytes");
    (fs, file)
}

fn after(fs: &SimFs, seed: u64) -> Option<Vec<u8>> {
    fs.crash(seed).peek(Path::new(FILE))
}

#[test]
fn what_was_synced_survives_every_power_cut() {
    let (fs, file) = disk_with_file(&[7; 3000]);
    file.sync_data().expect("synced");
    fs.sync_dir(Path::new(DIR)).expect("synced");
    file.write_at(&[8; 3000], 3000).expect("more");
    let tails: BTreeSet<Vec<u8>> = (0..200)
        .map(|seed| {
            let bytes = after(&fs, seed).expect("the name was synced");
            assert_eq!(bytes[..3000], [7; 3000], "seed {seed}");
            bytes[3000..].to_vec()
        })
        .collect();
    assert!(tails.contains(&vec![8; 3000]) && tails.contains(&Vec::new()) && tails.len() > 20, "{}", tails.len());
}

#[test]
fn a_name_that_was_not_synced_may_be_gone() {
    let (fs, file) = disk_with_file(b"here");
    file.sync_data().expect("synced");
    let found: BTreeSet<Option<Vec<u8>>> = (0..50).map(|seed| after(&fs, seed)).collect();
    assert_eq!(found, BTreeSet::from([None, Some(b"here".to_vec())]));
    assert_eq!(fs.kill().peek(Path::new(FILE)), Some(b"here".to_vec()), "a killed process loses nothing");
}

#[test]
fn a_rename_survives_whole_or_not_at_all_and_a_removed_name_may_come_back() {
    let (fs, file) = disk_with_file(b"here");
    file.sync_data().expect("synced");
    fs.sync_dir(Path::new(DIR)).expect("synced");
    fs.create_dir_all(Path::new("/log/aside")).expect("a folder");
    fs.sync_dir(Path::new(DIR)).expect("synced");
    fs.rename(Path::new(FILE), Path::new("/log/aside/b")).expect("renamed");
    let mut seen = BTreeSet::new();
    for seed in 0..50 {
        let next = fs.crash(seed);
        let places = [FILE, "/log/aside/b"].map(|path| next.peek(Path::new(path)).is_some());
        assert!(places[0] != places[1], "seed {seed}: {places:?}");
        seen.insert(places);
    }
    assert_eq!(seen.len(), 2);
    fs.sync_dir(Path::new("/log/aside")).expect("synced");
    fs.remove(Path::new("/log/aside/b")).expect("removed");
    let back = (0..50).filter(|seed| fs.crash(*seed).peek(Path::new("/log/aside/b")).is_some()).count();
    assert!(back > 0 && back < 50, "{back}");
}

#[test]
fn what_a_failed_sync_lost_no_later_sync_saves() {
    let (fs, file) = disk_with_file(&[7; 512]);
    fs.sync_dir(Path::new(DIR)).expect("synced");
    fs.fail(When::Next(Op::Sync, 1), Fault::Eio);
    assert!(file.sync_data().is_err());
    file.sync_data().expect("the second does not fail");
    let kept = (0..100).filter(|seed| after(&fs, *seed) == Some(vec![7; 512])).count();
    assert!(kept > 0 && kept < 100, "{kept}");
}

#[test]
fn a_held_sync_saves_only_what_came_before_it() {
    let (fs, file) = disk_with_file(&[7; 512]);
    fs.sync_dir(Path::new(DIR)).expect("synced");
    fs.hold_syncs(true);
    let syncing = file.clone();
    let thread = std::thread::spawn(move || syncing.sync_data());
    while fs.counts().of(Op::Sync) == 0 {
        std::thread::yield_now();
    }
    file.write_at(&[8; 512], 512).expect("more");
    assert!(
        (0..100).any(|seed| after(&fs, seed).is_some_and(|bytes| bytes.first() != Some(&7))),
        "nothing is safe yet"
    );
    fs.heal();
    thread.join().expect("no panic").expect("synced");
    let ends: BTreeSet<bool> = (0..100)
        .map(|seed| {
            let bytes = after(&fs, seed).expect("its name is safe");
            assert_eq!(bytes[..512], [7; 512], "seed {seed}");
            bytes[512..] == [8; 512]
        })
        .collect();
    assert_eq!(ends.len(), 2);
}

#[test]
fn the_quota_holds_and_unlinked_open_files_count() {
    let (fs, file) = disk_with_file(&[7; 4096]);
    fs.set_quota(Some(8192));
    assert_eq!(fs.space(Path::new(DIR)).expect("space").free, 4096);
    assert_eq!(file.write_at(&[1; 4096], 4000).expect("fits"), 4096);
    assert_eq!(file.write_at(&[1; 200], 8000).expect("short"), 192);
    assert_eq!(file.allocate(12_288).expect_err("too much").kind(), std::io::ErrorKind::StorageFull);
    assert_eq!(file.write_at(&[1], 8192).expect_err("full").kind(), std::io::ErrorKind::StorageFull);
    fs.remove(Path::new(FILE)).expect("removed");
    assert_eq!(fs.used(), 8192);
    drop(file);
    assert_eq!(fs.used(), 0);
}

#[test]
fn faults_hit_the_call_they_name() {
    let (fs, file) = disk_with_file(b"12345678");
    fs.fail(When::Call(2), Fault::Eio);
    fs.fail(When::Next(Op::Read, 1), Fault::Short);
    let mut bytes = [0; 8];
    assert_eq!(file.read_at(&mut bytes, 0).expect("short"), 4);
    assert!(file.size().is_err() && file.size().is_ok());
    fs.fail(When::Every(Op::Write), Fault::Enospc);
    assert!(file.write_at(b"x", 0).is_err() && file.write_at(b"x", 0).is_err());
    fs.heal();
    assert!(file.write_at(b"x", 0).is_ok());
    assert_eq!(fs.counts().failed, 4);
    assert!(fs.open(Path::new(FILE), Access::Read).expect("open").write_at(b"x", 0).is_err());
}

#[test]
fn one_owner_per_lock() {
    let (fs, _file) = disk_with_file(b"");
    let lock = fs.lock(Path::new("/log/LOCK")).expect("lock");
    assert!(lock.is_some() && fs.lock(Path::new("/log/LOCK")).expect("lock").is_none());
    assert!(fs.kill().lock(Path::new("/log/LOCK")).expect("lock").is_some());
    drop(lock);
    assert!(fs.lock(Path::new("/log/LOCK")).expect("lock").is_some());
}

#[test]
fn the_same_seed_gives_the_same_disk() {
    let (fs, file) = disk_with_file(&[7; 20_000]);
    fs.sync_dir(Path::new(DIR)).expect("synced");
    fs.write_back(3);
    file.set_len(9_000).expect("cut");
    file.write_at(&[9; 4000], 8_000).expect("more");
    for seed in 0..20 {
        assert_eq!(after(&fs, seed), after(&fs, seed));
    }
}

#[test]
fn the_power_is_cut_between_the_calls_it_was_ordered_for() {
    let (fs, file) = disk_with_file(b"1");
    file.sync_data().expect("synced");
    fs.sync_dir(Path::new(DIR)).expect("synced");
    fs.cut_power_at(3, 0);
    file.write_at(b"2", 0).expect("written");
    assert!(fs.take_cut().is_none());
    fs.cut_power_at(3, 0);
    file.sync_data().expect("synced");
    file.size().expect("a size");
    file.write_at(b"3", 0).expect("written");
    file.sync_data().expect("synced");
    assert_eq!(fs.take_cut().expect("it came").peek(Path::new(FILE)), Some(b"2".to_vec()));
    assert_eq!(fs.peek(Path::new(FILE)), Some(b"3".to_vec()));
}
