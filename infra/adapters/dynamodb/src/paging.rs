//! Pages: queries of one partition.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use dormouse_core::{
    Result,
    ports::{Page, Record},
};

use crate::{
    commit::Place,
    failure::{Failure, unavailable},
    item::{self, Item, number},
    records::again,
};

/// How often a page is read at most. Where it changes all the time, the last reading counts.
pub const READINGS: usize = 4;

/// Where the first query found too little, since records had expired, further ones look at no fewer than this.
const FURTHER: i32 = 100;

/// The records of a page.
pub(crate) async fn page(
    place: Place<'_>,
    partition: AttributeValue,
    page: &Page,
) -> Result<Vec<Record>> {
    let Some(bounds) = Bounds::of(page) else { return Ok(Vec::new()) };
    let query = Query { place, partition, bounds, page };
    let mut reading = query.read().await?;
    for _ in 1..READINGS {
        if reading.len() < 2 {
            break;
        }
        let earlier = std::mem::replace(&mut reading, query.read().await?);
        // Versions do not repeat: between these two readings, the page was as both show it.
        if earlier == reading {
            break;
        }
    }
    Ok(reading)
}

/// The sort keys that a page may have: more than none, and at most one too many, namely `before` itself.
struct Bounds<'a> {
    after: Option<&'a str>,
    before: Option<&'a str>,
}

impl<'a> Bounds<'a> {
    /// `None` if the page is empty whatever is kept.
    fn of(page: &'a Page) -> Option<Self> {
        // DynamoDB knows no empty key, and needs none: no id is empty.
        let after = page.after.as_deref().filter(|after| !after.is_empty());
        let before = page.before.as_deref();
        let empty =
            before.is_some_and(|before| before.is_empty() || after.is_some_and(|it| it >= before));
        (!empty).then_some(Self { after, before })
    }

    /// The condition on the key, and the values in it.
    fn condition(&self) -> (&'static str, Item) {
        let mut values = HashMap::new();
        let mut value = |name: &str, key: AttributeValue| values.insert(name.to_owned(), key);
        let condition = match (self.after, self.before) {
            (None, None) => "pk = :pk",
            (Some(after), None) => {
                value(":after", item::binary(after));
                "pk = :pk AND sk > :after"
            }
            (None, Some(before)) => {
                value(":before", item::binary(before));
                "pk = :pk AND sk < :before"
            }
            (Some(after), Some(before)) => {
                // No id lies between a text and that text with a NUL.
                value(":after", item::binary(format!("{after}\0")));
                value(":before", item::binary(before));
                "pk = :pk AND sk BETWEEN :after AND :before"
            }
        };
        (condition, values)
    }
}

struct Query<'a> {
    place: Place<'a>,
    partition: AttributeValue,
    bounds: Bounds<'a>,
    page: &'a Page,
}

impl Query<'_> {
    /// Reads the page once, in as many queries as it takes: each one reads a megabyte at most.
    async fn read(&self) -> Result<Vec<Record>> {
        let wanted = usize::try_from(self.page.limit).unwrap_or(usize::MAX);
        let mut limit = i32::try_from(self.page.limit).unwrap_or(i32::MAX);
        let mut patience = self.place.patience();
        let (mut records, mut from) = (Vec::new(), None);
        loop {
            let (items, next) = match self.ask(limit, from.clone()).await {
                Ok(answer) => answer,
                Err(failure) => {
                    again(failure, &mut patience).await?;
                    continue;
                }
            };
            for item in items {
                let record = item::record(item)?;
                if self.bounds.before != Some(record.id.as_str()) {
                    records.push(record);
                }
            }
            if records.len() >= wanted || next.is_none() {
                records.truncate(wanted);
                return Ok(records);
            }
            if from == next {
                return Err(unavailable("the store's pages have no end"));
            }
            (from, limit) = (next, limit.max(FURTHER));
        }
    }

    async fn ask(
        &self,
        limit: i32,
        from: Option<Item>,
    ) -> Result<(Vec<Item>, Option<Item>), Failure> {
        let (condition, mut values) = self.bounds.condition();
        values.insert(":pk".to_owned(), self.partition.clone());
        values.insert(":now".to_owned(), number(self.place.host.now().0));
        let request = self.place.client.query().table_name(self.place.table);
        let answer = request
            .consistent_read(true)
            .scan_index_forward(!self.page.descending)
            .key_condition_expression(condition)
            .filter_expression("attribute_not_exists(exp) OR exp > :now")
            .set_expression_attribute_values(Some(values))
            .limit(limit)
            .set_exclusive_start_key(from)
            .send()
            .await?;
        let next = answer.last_evaluated_key.filter(|key| !key.is_empty());
        Ok((answer.items.unwrap_or_default(), next))
    }
}
