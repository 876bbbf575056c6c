//! Clause 6: counters.

use std::{collections::BTreeMap, time::Duration};

use dormouse_core::ports::{Outcome, Page, Refusal, When, Write};
use futures::future::join_all;

use super::{Room, THINGS, counters, fresh};

pub(super) async fn check(room: &Room<'_>) {
    counters_add_up(room).await;
    additions_keep_the_value_and_puts_keep_the_counters(room).await;
    a_ceiling_is_reached_but_not_passed(room).await;
    any_counter_can_be_the_one_checked(room).await;
    a_sum_beyond_64_bits_is_refused(room).await;
    sums_are_exact_wherever_they_lie(room).await;
    no_writer_of_many_passes_the_ceiling(room).await;
    a_ceiling_holds_while_others_give_back(room).await;
}

async fn counters_add_up(room: &Room<'_>) {
    let id = fresh("counter");
    room.apply(vec![Write::add(THINGS, &id, [("in", 5), ("out", -7)])]).await;
    room.apply(vec![Write::add(THINGS, &id, [("in", -2), ("größe: %", 1)])]).await;

    let record = room.get(&id).await.unwrap();
    let expected = counters([("in", 3), ("out", -7), ("größe: %", 1)]);
    assert_eq!(record.counters, expected, "clause 6: counters start at 0 and add up");
    assert!(record.value.is_empty(), "clause 6: who only counts has an empty value");
    assert_eq!(record.expires_at, None, "clause 6: and does not expire");

    let exact = (1 << 53) + 1;
    room.apply(vec![Write::add(THINGS, &id, [("large", exact)])]).await;
    room.apply(vec![Write::add(THINGS, &id, [("large", 1)])]).await;
    assert_eq!(
        room.counters(&id).await["large"],
        exact + 1,
        "clause 6: large counters are exact, too"
    );

    room.apply(vec![Write::delete(THINGS, &id)]).await;
    room.apply(vec![Write::add(THINGS, &id, [("in", 1)])]).await;
    let again = room.counters(&id).await;
    assert_eq!(again, counters([("in", 1)]), "clause 6: a delete takes the counters with it");
}

async fn additions_keep_the_value_and_puts_keep_the_counters(room: &Room<'_>) {
    let id = fresh("both");
    let later = room.clock.now() + Duration::from_secs(3600);
    let put = Write::put_until(THINGS, &id, "value", later, When::Any);
    room.apply(vec![put]).await;
    room.apply(vec![Write::add(THINGS, &id, [("count", 1)])]).await;

    let record = room.get(&id).await.unwrap();
    assert_eq!(record.value, "value", "clause 6: an addition keeps the value");
    assert_eq!(record.expires_at, Some(later), "clause 6: and the expiry");

    room.put(&id, "other").await;
    let record = room.get(&id).await.unwrap();
    assert_eq!(record.counters, counters([("count", 1)]), "clause 6: a put keeps the counters");
    assert_eq!(record.value, "other", "clause 6: and sets the value");
    assert_eq!(record.expires_at, None, "clause 6: and sets or clears the expiry");
}

async fn a_ceiling_is_reached_but_not_passed(room: &Room<'_>) {
    let id = fresh("ceiling");
    let add =
        |amount, most| vec![Write::add_within(THINGS, &id, [("spent", amount)], ("spent", most))];
    let over = async |claim, writes| room.refuses(claim, writes, 0, Refusal::Ceiling).await;

    over("clause 6: the first addition is checked", add(11, 10)).await;
    assert_eq!(room.get(&id).await, None, "clause 6: and creates nothing if refused");
    room.applies("clause 6: the ceiling can be reached", add(10, 10)).await;
    over("clause 6: but not passed", add(1, 10)).await;
    over("clause 6: a lower sum may still be above", add(-1, 8)).await;
    room.applies("clause 6: or reach a lower ceiling", add(-2, 8)).await;
    room.applies("clause 6: where nothing needs no room", add(0, 8)).await;
    assert_eq!(room.counters(&id).await["spent"], 8, "clause 6: what was refused is not counted");
}

async fn any_counter_can_be_the_one_checked(room: &Room<'_>) {
    let id = fresh("beside");
    room.apply(vec![Write::add(THINGS, &id, [("spent", 8)])]).await;
    let beside =
        |name: &str, most| vec![Write::add_within(THINGS, &id, [("other", 5)], (name, most))];

    let claim = "clause 6: a counter is checked without being added to";
    room.refuses(claim, beside("spent", 7), 0, Refusal::Ceiling).await;
    room.applies(claim, beside("spent", 8)).await;
    let claim = "clause 6: an unknown counter is 0";
    room.refuses(claim, beside("unknown", -1), 0, Refusal::Ceiling).await;
    room.applies(claim, beside("unknown", 0)).await;

    let expected = counters([("other", 10), ("spent", 8)]);
    assert_eq!(room.counters(&id).await, expected, "clause 6: only what is added to is there");
}

async fn a_sum_beyond_64_bits_is_refused(room: &Room<'_>) {
    let id = fresh("edge");
    room.apply(vec![Write::add(THINGS, &id, [("high", i64::MAX), ("low", i64::MIN)])]).await;

    for step in [("high", 1), ("low", -1)] {
        let writes = vec![Write::add(THINGS, &id, [step])];
        room.refuses("clause 6: no counter wraps around", writes, 0, Refusal::Ceiling).await;
    }
    let expected = counters([("high", i64::MAX), ("low", i64::MIN)]);
    assert_eq!(room.counters(&id).await, expected, "clause 6: the edges themselves can be kept");
}

/// Numbers at which ways of counting break: digits, floating point, words.
const EDGES: [i64; 17] = [
    i64::MIN,
    i64::MIN + 1,
    -9_007_199_254_740_993,
    -4_294_967_296,
    -1_000_000_001,
    -1_000_000_000,
    -999_999_999,
    -1,
    0,
    1,
    999_999_999,
    1_000_000_000,
    4_294_967_297,
    9_007_199_254_740_993,
    1_000_000_000_000_000_000,
    i64::MAX - 1,
    i64::MAX,
];

async fn sums_are_exact_wherever_they_lie(room: &Room<'_>) {
    for first in EDGES {
        let collection = fresh("sums");
        let add = |second: i64, amount: i64, most: i64| {
            let id = format!("{second}");
            Write::add_within(&collection, id, [("sum", amount)], ("sum", most))
        };
        room.apply(EDGES.map(|second| add(second, first, first)).into()).await;
        let mut sums = BTreeMap::new();
        for second in EDGES {
            let sum = first.checked_add(second);
            let most = sum.map_or(i64::MAX, |sum| sum.saturating_sub(1));
            if sum != Some(i64::MIN) {
                let claim = format!("clause 6: {first} + {second} is above {most}");
                let above = vec![add(second, second, most)];
                room.refuses(&claim, above, 0, Refusal::Ceiling).await;
            }
            sums.insert(second.to_string(), sum.unwrap_or(first));
        }
        let fitting = EDGES
            .into_iter()
            .filter_map(|second| first.checked_add(second).map(|sum| add(second, second, sum)));
        room.applies("clause 6: a ceiling can be reached anywhere", fitting.collect()).await;

        let page = room.records.page(&room.tenant, &collection, Page::default()).await.unwrap();
        for record in page {
            let expected = sums[&record.id];
            assert_eq!(record.counters["sum"], expected, "clause 6: {first} + {}", record.id);
        }
    }
}

async fn no_writer_of_many_passes_the_ceiling(room: &Room<'_>) {
    let id = fresh("crowd");
    let spend = async |writer: usize| {
        let mut spent = 0;
        for round in 0..4 {
            let receipt = format!("{id}-{writer}-{round}");
            let writes = vec![
                Write::put(THINGS, receipt, ""),
                Write::add_within(THINGS, &id, [("spent", 7)], ("spent", 1000)),
            ];
            match room.commit(writes).await {
                Outcome::Applied(_) => spent += 7,
                refusal @ Outcome::Refused { .. } => {
                    let expected = Outcome::Refused { write: 1, why: Refusal::Ceiling };
                    assert_eq!(refusal, expected, "clause 6: only for want of room");
                }
            }
        }
        spent
    };

    let spent: i64 = join_all((0..64).map(spend)).await.into_iter().sum();

    assert_eq!(spent, 994, "clause 6: 64 writers get exactly what fits under 1000 in sevens");
    assert_eq!(room.counters(&id).await["spent"], 994, "clause 6: and exactly that is counted");
}

async fn a_ceiling_holds_while_others_give_back(room: &Room<'_>) {
    let id = fresh("hold");
    let hold_and_settle = async |_: usize| {
        let hold = Write::add_within(THINGS, &id, [("used", 10)], ("used", 100));
        if !applied(&room.commit(vec![hold]).await) {
            return 0;
        }
        let used = room.counters(&id).await["used"];
        assert!(used <= 100, "clause 6: {used} of 100 were seen used");
        room.apply(vec![Write::add(THINGS, &id, [("used", -9)])]).await;
        1
    };

    let settled: i64 = join_all((0..64).map(hold_and_settle)).await.into_iter().sum();

    assert!(settled >= 10, "clause 6: only {settled} found room under an empty ceiling");
    assert_eq!(room.counters(&id).await["used"], settled, "clause 6: the final sum is exact");
}

fn applied(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Applied(_))
}
