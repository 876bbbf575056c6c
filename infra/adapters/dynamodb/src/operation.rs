//! One write as DynamoDB is asked for it: what to change, on which condition.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{
        AttributeValue, Delete, Put, ReturnValuesOnConditionCheckFailure::AllOld,
        TransactWriteItem, Update,
    },
};
use bytes::Bytes;
use dormouse_core::ports::{Refusal, Timestamp, Version, When, Write};

use crate::item::{EXPIRY, Item, TTL, VALUE, VERSION, binary, counter, expire, key, number, ttl};

const ABSENT_OR_EXPIRED: &str = "(attribute_not_exists(pk) OR exp <= :now)";
const NOT_EXPIRED: &str = "(attribute_not_exists(exp) OR exp > :now)";

/// A change of one item.
#[derive(Clone)]
pub(crate) struct Operation {
    pub(crate) change: Change,
    key: Item,
    conditions: Vec<String>,
    names: HashMap<String, String>,
    values: Item,
}

/// What becomes of the item.
#[derive(Clone)]
pub(crate) enum Change {
    /// It is this.
    Put(Item),
    /// It is changed as this expression says.
    Update(String),
    /// It is gone.
    Delete,
}

/// What a write is made from, beside itself.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    /// What has expired by then does not exist.
    pub(crate) now: Timestamp,
    /// The version that the record will have.
    pub(crate) version: Version,
    /// Whether there is no record, or an expired one whose counters shall not come back: then the item is
    /// written anew. Otherwise it is changed.
    pub(crate) anew: bool,
}

impl Operation {
    /// What `write` is for a record of `tenant`, or why it cannot be applied where there is none.
    pub(crate) fn of(tenant: &str, write: &Write, moment: Moment) -> Result<Self, Refusal> {
        let (collection, id) = write.target();
        let mut operation = Self {
            change: Change::Delete,
            key: key(tenant, collection, id),
            conditions: Vec::new(),
            names: HashMap::new(),
            values: HashMap::new(),
        };
        match write {
            Write::Delete { when, .. } => operation.on(*when, moment.now),
            Write::Put { when: When::Absent, .. } => operation.write_anew(write, moment)?,
            Write::Put { when: When::Any, .. } | Write::Add { .. } if moment.anew => {
                operation.write_anew(write, moment)?;
            }
            Write::Put { value, expires_at, when, .. } => {
                match when {
                    When::Any => operation.while_not_expired(moment.now),
                    when => operation.on(*when, moment.now),
                }
                operation.set(value, *expires_at, moment.version);
            }
            Write::Add { fields, ceiling, .. } => {
                operation.while_not_expired(moment.now);
                operation.add(fields, ceiling.as_ref(), moment.version);
            }
        }
        Ok(operation)
    }

    /// An item that nobody else may have written before.
    pub(crate) fn create(key: Item, attributes: Item, now: Timestamp) -> Self {
        let mut item = key.clone();
        item.extend(attributes);
        let values = HashMap::from([(":now".to_owned(), number(now.0))]);
        let conditions = vec![ABSENT_OR_EXPIRED.to_owned()];
        Self { change: Change::Put(item), key, conditions, names: HashMap::new(), values }
    }

    fn value(&mut self, name: &str, value: AttributeValue) {
        self.values.insert(name.to_owned(), value);
    }

    fn while_not_expired(&mut self, now: Timestamp) {
        self.conditions.push(NOT_EXPIRED.to_owned());
        self.value(":now", number(now.0));
    }

    fn on(&mut self, when: When, now: Timestamp) {
        match when {
            When::Any => {}
            When::Absent => {
                self.conditions.push(ABSENT_OR_EXPIRED.to_owned());
                self.value(":now", number(now.0));
            }
            When::Version(version) => {
                self.conditions.push("ver = :old".to_owned());
                self.value(":old", number(version.0));
                self.while_not_expired(now);
            }
        }
    }

    /// Writes the record as it is if there was none.
    fn write_anew(&mut self, write: &Write, moment: Moment) -> Result<(), Refusal> {
        let counters = write.decide(None)?;
        let mut attributes = HashMap::from([(VERSION.to_owned(), number(moment.version.0))]);
        attributes.extend(counters.iter().map(|(name, sum)| (counter(name), number(*sum))));
        if let Write::Put { value, expires_at, .. } = write {
            if !value.is_empty() {
                attributes.insert(VALUE.to_owned(), binary(value));
            }
            if let Some(expiry) = expires_at {
                expire(&mut attributes, *expiry);
            }
        }
        *self = Self::create(self.key.clone(), attributes, moment.now);
        Ok(())
    }

    /// Sets value and expiry, and leaves the counters alone.
    fn set(&mut self, value: &Bytes, expires_at: Option<Timestamp>, version: Version) {
        let (mut set, mut remove) = (vec!["ver = :ver"], Vec::new());
        self.value(":ver", number(version.0));
        if value.is_empty() {
            remove.push(VALUE);
        } else {
            set.push("val = :val");
            self.value(":val", binary(value));
        }
        self.names.insert("#ttl".to_owned(), TTL.to_owned());
        match expires_at {
            None => remove.extend([EXPIRY, "#ttl"]),
            Some(expiry) => {
                set.extend(["exp = :exp", "#ttl = :ttl"]);
                self.value(":exp", number(expiry.0));
                self.value(":ttl", ttl(expiry));
            }
        }
        let mut change = format!("SET {}", set.join(", "));
        if !remove.is_empty() {
            change.push_str(&format!(" REMOVE {}", remove.join(", ")));
        }
        self.change = Change::Update(change);
    }

    /// Adds to counters, and leaves the rest alone.
    fn add(
        &mut self,
        fields: &BTreeMap<String, i64>,
        ceiling: Option<&(String, i64)>,
        version: Version,
    ) {
        let mut additions = Vec::with_capacity(fields.len());
        for (index, (name, amount)) in fields.iter().enumerate() {
            self.names.insert(format!("#c{index}"), counter(name));
            self.value(&format!(":d{index}"), number(*amount));
            additions.push(format!("#c{index} :d{index}"));
            let most = ceiling.filter(|(limited, _)| limited == name).map(|(_, most)| *most);
            self.bound(index, *amount, most);
        }
        if let Some((name, most)) = ceiling.filter(|(name, _)| !fields.contains_key(name)) {
            self.names.insert(format!("#c{}", fields.len()), counter(name));
            self.bound(fields.len(), 0, Some(*most));
        }
        self.value(":ver", number(version.0));
        let mut change = "SET ver = :ver".to_owned();
        if !additions.is_empty() {
            change.push_str(&format!(" ADD {}", additions.join(", ")));
        }
        self.change = Change::Update(change);
    }

    /// Keeps a counter to which `amount` is added within `most` and what an `i64` can hold. A counter that
    /// is not there is 0, but no comparison holds for it.
    fn bound(&mut self, index: usize, amount: i64, most: Option<i64>) {
        let amount = i128::from(amount);
        let highest = i128::from(most.unwrap_or(i64::MAX)) - amount;
        let lowest = i128::from(i64::MIN) - amount;
        for (sign, letter, bound, holds_for_none) in
            [("<=", 'h', highest, highest >= 0), (">=", 'l', lowest, lowest <= 0)]
        {
            // What no counter can fail need not be asked.
            let always =
                if sign == "<=" { bound >= i64::MAX.into() } else { bound <= i64::MIN.into() };
            if always {
                continue;
            }
            let compared = format!("#c{index} {sign} :{letter}{index}");
            self.conditions.push(if holds_for_none {
                format!("(attribute_not_exists(#c{index}) OR {compared})")
            } else {
                compared
            });
            self.value(&format!(":{letter}{index}"), number(bound));
        }
    }

    /// Its parts, as the builders of requests take them.
    pub(crate) fn into_parts(self) -> Parts {
        let condition = (!self.conditions.is_empty()).then(|| self.conditions.join(" AND "));
        let names = Some(self.names).filter(|names| !names.is_empty());
        let values = Some(self.values).filter(|values| !values.is_empty());
        Parts { change: self.change, key: self.key, condition, names, values }
    }
}

/// An [`Operation`] taken apart.
pub(crate) struct Parts {
    pub(crate) change: Change,
    pub(crate) key: Item,
    pub(crate) condition: Option<String>,
    pub(crate) names: Option<HashMap<String, String>>,
    pub(crate) values: Option<Item>,
}

impl Parts {
    /// The same as a part of a transaction.
    pub(crate) fn transacted(self, table: &str) -> Result<TransactWriteItem, BuildError> {
        let whole = TransactWriteItem::builder();
        let whole = match self.change {
            Change::Put(item) => whole.put(
                Put::builder()
                    .table_name(table)
                    .set_item(Some(item))
                    .set_condition_expression(self.condition)
                    .set_expression_attribute_names(self.names)
                    .set_expression_attribute_values(self.values)
                    .return_values_on_condition_check_failure(AllOld)
                    .build()?,
            ),
            Change::Update(change) => whole.update(
                Update::builder()
                    .table_name(table)
                    .set_key(Some(self.key))
                    .update_expression(change)
                    .set_condition_expression(self.condition)
                    .set_expression_attribute_names(self.names)
                    .set_expression_attribute_values(self.values)
                    .return_values_on_condition_check_failure(AllOld)
                    .build()?,
            ),
            Change::Delete => whole.delete(
                Delete::builder()
                    .table_name(table)
                    .set_key(Some(self.key))
                    .set_condition_expression(self.condition)
                    .set_expression_attribute_names(self.names)
                    .set_expression_attribute_values(self.values)
                    .return_values_on_condition_check_failure(AllOld)
                    .build()?,
            ),
        };
        Ok(whole.build())
    }
}
