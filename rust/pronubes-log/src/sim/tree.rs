//! Folders and names of the simulated disk: what programs see, what the disk holds, and the operations in between.
//!
//! Rules of this file:
//! 1. Names are durable once their folder was synced, and only then; syncing a file does not save its name.
//! 2. A rename survives whole or not at all. Otherwise operations that were not synced survive in any combination.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path};

use rustix::io::Errno;

use super::contents::Contents;
use super::random::Random;

/// The root folder.
const ROOT: usize = 0;

/// A file or folder.
pub(super) enum Node {
    Free,
    Folder(Folder),
    File(Contents),
}

#[derive(Default)]
pub(super) struct Folder {
    now: BTreeMap<String, usize>,
    safe: BTreeMap<String, usize>,
}

/// What was done to names and is not synced yet.
#[derive(Clone)]
struct Operation {
    unlink: Option<(usize, String)>,
    link: Option<(usize, String, usize)>,
}

impl Operation {
    fn folders(&self) -> impl Iterator<Item = usize> + '_ {
        self.unlink.iter().map(|(folder, _)| *folder).chain(self.link.iter().map(|(folder, ..)| *folder))
    }
}

/// All files and folders.
pub(super) struct Tree {
    nodes: Vec<Node>,
    handles: BTreeMap<usize, usize>,
    waiting: Vec<Operation>,
}

impl Tree {
    pub(super) fn new() -> Self {
        Self { nodes: vec![Node::Folder(Folder::default())], handles: BTreeMap::new(), waiting: Vec::new() }
    }

    /// The node a path names.
    pub(super) fn find(&self, path: &Path) -> io::Result<usize> {
        let mut node = ROOT;
        for name in names(path) {
            node = *self.folder(node)?.now.get(&text(name)?).ok_or(Errno::NOENT)?;
        }
        Ok(node)
    }

    /// The folder a path lies in, and its name there.
    fn place(&self, path: &Path) -> io::Result<(usize, String)> {
        let name = names(path).last().ok_or(Errno::INVAL)?;
        Ok((self.find(path.parent().unwrap_or(Path::new("/")))?, text(name)?))
    }

    fn folder(&self, node: usize) -> io::Result<&Folder> {
        match self.nodes.get(node) {
            Some(Node::Folder(folder)) => Ok(folder),
            _ => Err(Errno::NOTDIR.into()),
        }
    }

    pub(super) fn file(&self, node: usize) -> io::Result<&Contents> {
        match self.nodes.get(node) {
            Some(Node::File(contents)) => Ok(contents),
            _ => Err(Errno::ISDIR.into()),
        }
    }

    pub(super) fn file_mut(&mut self, node: usize) -> io::Result<&mut Contents> {
        match self.nodes.get_mut(node) {
            Some(Node::File(contents)) => Ok(contents),
            _ => Err(Errno::ISDIR.into()),
        }
    }

    /// Name, length and whether it is a file, of what lies in a folder.
    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<(String, u64, bool)>> {
        let folder = self.folder(self.find(path)?)?;
        let entry = |(name, node): (&String, &usize)| match &self.nodes[*node] {
            Node::File(contents) => (name.clone(), contents.len(), true),
            _ => (name.clone(), 0, false),
        };
        Ok(folder.now.iter().map(entry).collect())
    }

    pub(super) fn make_folders(&mut self, path: &Path) -> io::Result<()> {
        let mut node = ROOT;
        for name in names(path) {
            let name = text(name)?;
            node = match self.folder(node)?.now.get(&name) {
                Some(known) => *known,
                None => self.add(node, name, Node::Folder(Folder::default())),
            };
            self.folder(node)?;
        }
        Ok(())
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<usize> {
        let (folder, name) = self.place(path)?;
        if self.folder(folder)?.now.contains_key(&name) {
            return Err(Errno::EXIST.into());
        }
        Ok(self.add(folder, name, Node::File(Contents::default())))
    }

    fn add(&mut self, folder: usize, name: String, node: Node) -> usize {
        let free = self.nodes.iter().position(|known| matches!(known, Node::Free));
        let index = free.unwrap_or(self.nodes.len());
        match free {
            Some(free) => self.nodes[free] = node,
            None => self.nodes.push(node),
        }
        self.apply(Operation { unlink: None, link: Some((folder, name, index)) });
        index
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let node = self.find(from)?;
        let (from, to) = (self.place(from)?, self.place(to)?);
        let target = self.folder(to.0)?.now.get(&to.1).copied();
        if target.is_some_and(|target| matches!(self.nodes[target], Node::Folder(_))) {
            return Err(Errno::ISDIR.into());
        }
        if from != to {
            self.apply(Operation { unlink: Some(from), link: Some((to.0, to.1, node)) });
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        let node = self.find(path)?;
        self.file(node)?;
        let place = self.place(path)?;
        self.apply(Operation { unlink: Some(place), link: None });
        Ok(())
    }

    fn apply(&mut self, operation: Operation) {
        carry_out(&mut self.nodes, &operation, |folder| &mut folder.now);
        self.waiting.push(operation);
    }

    /// Makes the names of a folder durable, and with them whatever operations on other folders hang on them.
    pub(super) fn sync(&mut self, path: &Path) -> io::Result<()> {
        let node = self.find(path)?;
        self.folder(node)?;
        let mut folders = BTreeSet::from([node]);
        let mut is_due = vec![false; self.waiting.len()];
        for (index, operation) in self.waiting.iter().enumerate().rev() {
            if operation.folders().any(|folder| folders.contains(&folder)) {
                is_due[index] = true;
                folders.extend(operation.folders());
            }
        }
        let mut due = is_due.into_iter();
        let (now, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|_| due.next().unwrap_or(false));
        for operation in &now {
            carry_out(&mut self.nodes, operation, |folder| &mut folder.safe);
        }
        self.waiting = later;
        self.free_unreachable();
        Ok(())
    }

    /// Frees nodes that no name, operation or handle leads to.
    fn free_unreachable(&mut self) {
        let mut used: BTreeSet<usize> = self.handles.keys().copied().chain([ROOT]).collect();
        used.extend(self.waiting.iter().filter_map(|operation| operation.link.as_ref().map(|(.., node)| *node)));
        for node in &self.nodes {
            if let Node::Folder(folder) = node {
                used.extend(folder.now.values().chain(folder.safe.values()));
            }
        }
        for (index, node) in self.nodes.iter_mut().enumerate() {
            if !used.contains(&index) {
                *node = Node::Free;
            }
        }
    }

    pub(super) fn open_handle(&mut self, node: usize) {
        *self.handles.entry(node).or_default() += 1;
    }

    pub(super) fn close_handle(&mut self, node: usize) {
        if let Some(count) = self.handles.get_mut(&node) {
            *count -= 1;
            if *count == 0 {
                self.handles.remove(&node);
            }
        }
    }

    /// Bytes taken by files that have a name or are open.
    pub(super) fn used(&self) -> u64 {
        let mut seen: BTreeSet<usize> = self.handles.keys().copied().collect();
        for node in &self.nodes {
            if let Node::Folder(folder) = node {
                seen.extend(folder.now.values());
            }
        }
        let charge = |node: &usize| self.file(*node).map_or(0, Contents::charge);
        seen.iter().map(charge).sum()
    }

    pub(super) fn write_back(&mut self, random: &mut Random) {
        for node in &mut self.nodes {
            if let Node::File(contents) = node {
                contents.write_back(random);
            }
        }
    }

    /// The same disk for the next process: every byte is as this process left it, and as little of it is safe.
    pub(super) fn after_kill(&self) -> Self {
        let copy = |node: &Node| match node {
            Node::Free => Node::Free,
            Node::Folder(folder) => Node::Folder(Folder { now: folder.now.clone(), safe: folder.safe.clone() }),
            Node::File(contents) => Node::File(contents.after_kill()),
        };
        Self { nodes: self.nodes.iter().map(copy).collect(), handles: BTreeMap::new(), waiting: self.waiting.clone() }
    }

    /// What the next start finds after the power was cut.
    pub(super) fn after_power_cut(&self, random: &mut Random) -> Self {
        let mut next = self.after_kill();
        let mode = random.below(4);
        let kept = random.below(self.waiting.len() as u64 + 1) as usize;
        for (index, operation) in std::mem::take(&mut next.waiting).iter().enumerate() {
            let survives = match mode {
                0 => true,
                1 => index < kept,
                _ => random.one_in(2),
            };
            if survives {
                carry_out(&mut next.nodes, operation, |folder| &mut folder.safe);
            }
        }
        for node in &mut next.nodes {
            match node {
                Node::Folder(folder) => folder.now = folder.safe.clone(),
                Node::File(contents) => *contents = contents.after_power_cut(random),
                Node::Free => {}
            }
        }
        next.free_unreachable();
        next
    }
}

/// Applies an operation to one of the two views of the folders it names.
fn carry_out(nodes: &mut [Node], operation: &Operation, view: impl Fn(&mut Folder) -> &mut BTreeMap<String, usize>) {
    let moved = operation.link.as_ref().map(|(.., node)| *node);
    if let Some((folder, name)) = &operation.unlink
        && let Node::Folder(folder) = &mut nodes[*folder]
    {
        let names = view(folder);
        names.remove(name);
        // A rename leaves no second name, even where the one before it was lost.
        names.retain(|_, node| Some(*node) != moved);
    }
    if let Some((folder, name, node)) = &operation.link
        && let Node::Folder(folder) = &mut nodes[*folder]
    {
        view(folder).insert(name.clone(), *node);
    }
}

fn names(path: &Path) -> impl Iterator<Item = &OsStr> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name),
        _ => None,
    })
}

fn text(name: &OsStr) -> io::Result<String> {
    Ok(name.to_str().ok_or(Errno::ILSEQ)?.to_owned())
}
