//! Copies a state into another, section by section and page by page, and then reads the copy to compare it with what was
//! read. It makes nothing visible: that is for the caller, once all of it agrees.

use raccord_model::port::copying::{CopyError, CopySource, CopyTarget, Item, Records, Section, Tally};

/// What was copied of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Which.
    pub section: Section,
    /// How many items.
    pub count: u64,
    /// The digest over all of them, the same in both states.
    pub digest: [u8; 32],
}

/// Is told how many items of a section were copied so far.
pub type Progress<'p> = dyn FnMut(Section, u64) + Send + 'p;

/// Copies everything, and compares. A source with rows is refused before anything is written: of a file and a database only
/// the file could have them.
///
/// # Errors
/// When one of the two fails, the source has rows, or the copy is not what was read.
pub async fn copy(
    from: &dyn CopySource,
    to: &dyn CopyTarget,
    progress: &mut Progress<'_>,
) -> Result<Vec<Copied>, CopyError> {
    let records = from.records().await?;
    if records != Records::default() {
        return Err(CopyError::Records(records));
    }
    let mut copied = Vec::new();
    for section in Section::all() {
        let mut tally = Tally::default();
        let mut after = None;
        loop {
            let page = from.page(section, after).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            tally.add(&page);
            to.put(section, page).await?;
            progress(section, tally.count);
        }
        copied.push(Copied { section, count: tally.count, digest: tally.digest() });
    }
    for read in &copied {
        let found = tally(to, read.section).await?;
        if (found.count, found.digest()) != (read.count, read.digest) {
            let (section, read, found) = (read.section, read.count, found.count);
            return Err(CopyError::Differs { section, read, found });
        }
    }
    Ok(copied)
}

/// Counts a section, and makes its digest.
async fn tally(of: &dyn CopySource, section: Section) -> Result<Tally, CopyError> {
    let mut tally = Tally::default();
    let mut after = None;
    loop {
        let page = of.page(section, after).await?;
        tally.add(&page);
        match page.last() {
            Some(Item { key, .. }) => after = Some(key.clone()),
            None => return Ok(tally),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use raccord_model::port::Async;

    use super::*;

    /// Items by their section and key.
    type Items = BTreeMap<(Section, Vec<u8>), Vec<u8>>;

    /// A state in memory, whose pages have two items, and which may lose or change one.
    #[derive(Default)]
    struct Kept {
        items: Mutex<Items>,
        records: Records,
        spoils: Option<(Section, Option<u8>)>,
    }

    impl CopySource for Kept {
        fn page(&self, section: Section, after: Option<Vec<u8>>) -> Async<'_, Result<Vec<Item>, CopyError>> {
            let items = self.items.lock().unwrap();
            let of_section =
                items.iter().filter(|((of, key), _)| *of == section && Some(key) > after.as_ref());
            let item = |((_, key), value): (&(Section, Vec<u8>), &Vec<u8>)| Item {
                key: key.clone(),
                value: value.clone(),
            };
            Box::pin(std::future::ready(Ok(of_section.take(2).map(item).collect())))
        }

        fn records(&self) -> Async<'_, Result<Records, CopyError>> {
            Box::pin(std::future::ready(Ok(self.records)))
        }
    }

    impl CopyTarget for Kept {
        fn put(&self, section: Section, put: Vec<Item>) -> Async<'_, Result<(), CopyError>> {
            for Item { key, value } in put {
                let value = match self.spoils {
                    Some((spoilt, None)) if spoilt == section && key == b"3" => continue,
                    Some((spoilt, Some(byte))) if spoilt == section && key == b"3" => vec![byte],
                    _ => value,
                };
                self.items.lock().unwrap().insert((section, key), value);
            }
            Box::pin(std::future::ready(Ok(())))
        }
    }

    fn filled() -> Kept {
        let kept = Kept::default();
        let keys =
            Section::all().flat_map(|section| ["1", "2", "3", "4", "5"].map(|key| (section, key.into())));
        *kept.items.lock().unwrap() = keys.map(|(section, key)| ((section, key), b"x".to_vec())).collect();
        kept
    }

    async fn copied(from: &Kept, to: &Kept) -> Result<Vec<Copied>, CopyError> {
        copy(from, to, &mut |_, _| {}).await
    }

    #[tokio::test]
    async fn all_of_it_is_copied_page_by_page_and_told() {
        let (from, to) = (filled(), Kept::default());
        let mut told = Vec::new();
        let copied = copy(&from, &to, &mut |section, count| told.push((section, count))).await.unwrap();
        assert_eq!(*to.items.lock().unwrap(), *from.items.lock().unwrap());
        assert!(copied.iter().all(|copied| copied.count == 5));
        assert_eq!(copied.len(), Section::all().count());
        let counts: Vec<u64> = told.iter().map(|(_, count)| *count).take(4).collect();
        assert_eq!(counts, [2, 4, 5, 2], "pages of two");
        assert_eq!(told.last(), Some(&(Section::Position, 5)));
    }

    #[tokio::test]
    async fn an_item_that_is_lost_or_changed_is_found() {
        for section in Section::all() {
            for (spoils, expected) in [(None, 4), (Some(b'y'), 5)] {
                let to = Kept { spoils: Some((section, spoils)), ..Kept::default() };
                match copied(&filled(), &to).await {
                    Err(CopyError::Differs { section: told, read: 5, found }) => {
                        assert_eq!((told, found), (section, expected));
                    }
                    other => panic!("{section:?}: {other:?}"),
                }
            }
        }
    }

    #[tokio::test]
    async fn rows_are_refused_before_anything_is_written() {
        for records in [Records { rows: 1, rejects: 0 }, Records { rows: 0, rejects: 1 }] {
            let (from, to) = (Kept { records, ..filled() }, Kept::default());
            let refused = copied(&from, &to).await;
            assert!(matches!(refused, Err(CopyError::Records(found)) if found == records), "{refused:?}");
            assert!(to.items.lock().unwrap().is_empty());
        }
    }
}
