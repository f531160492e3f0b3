//! Fills the sample's tables.

use rusqlite::{Connection, Result, params};

use super::ODD_TABLE;
use super::words::{CATEGORIES, CITIES, FAMILY, GIVEN, TEXT};

/// Fills all tables; returns the number of rows made.
pub(super) fn all(connection: &Connection, scale: u32) -> Result<i64> {
    let scale = i64::from(scale);
    let counts = Counts {
        customers: 6_000 * scale,
        products: 1_500 * scale,
        orders: 20_000 * scale,
        reviews: 8_000 * scale,
    };
    let mut dice = Dice(0x5EED_0F5A_1E55_0000);
    Ok(categories(connection)?
        + customers(connection, &counts, &mut dice)?
        + products(connection, &counts, &mut dice)?
        + orders(connection, &counts, &mut dice)?
        + reviews(connection, &counts, &mut dice)?
        + odd_rows(connection)?)
}

struct Counts {
    customers: i64,
    products: i64,
    orders: i64,
    reviews: i64,
}

fn categories(connection: &Connection) -> Result<i64> {
    let mut insert =
        connection.prepare("INSERT INTO categories (code, title, parent) VALUES (?1, ?2, ?3)")?;
    for (code, title, parent) in CATEGORIES {
        insert.execute(params![code, title, parent])?;
    }
    Ok(count(CATEGORIES.len()))
}

fn customers(connection: &Connection, counts: &Counts, dice: &mut Dice) -> Result<i64> {
    let mut insert = connection.prepare(
        "INSERT INTO customers (name, email, city, country, notes, joined_at, balance)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for number in 0..counts.customers {
        let name = format!("{} {}", dice.pick(&GIVEN), dice.pick(&FAMILY));
        let (city, country) = dice.pick(&CITIES);
        let notes = (dice.below(4) == 0).then(|| dice.text(12));
        let balance = f64::from(dice.small(100_000)) / 100.0 - 250.0;
        let email = format!("customer{number}@example.com");
        insert.execute(params![name, email, city, country, notes, dice.time(), balance])?;
    }
    Ok(counts.customers)
}

fn products(connection: &Connection, counts: &Counts, dice: &mut Dice) -> Result<i64> {
    let mut insert = connection.prepare(
        "INSERT INTO products (id, sku, category, name, description, price_cents, weight_kg, stock, picture)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    let mut index =
        connection.prepare("INSERT INTO product_search (rowid, name, description) VALUES (?1, ?2, ?3)")?;
    for id in 1..=counts.products {
        let (category, _, _) = dice.pick(&CATEGORIES);
        let (name, description) = (dice.text(4), dice.text(40));
        let weight = (dice.below(5) > 0).then(|| f64::from(dice.small(5_000)) / 1000.0);
        // One product in four has a picture of up to 12 kB, so that rows run over several pages.
        let picture = (dice.below(4) == 0).then(|| dice.bytes(12_000));
        let (price, stock) = (dice.small(50_000), dice.small(1_000));
        let sku = format!("SKU-{id:06}");
        insert.execute(params![id, sku, category, name, description, price, weight, stock, picture])?;
        index.execute(params![id, name, description])?;
    }
    Ok(counts.products)
}

fn orders(connection: &Connection, counts: &Counts, dice: &mut Dice) -> Result<i64> {
    let mut order = connection.prepare(
        "INSERT INTO orders (id, customer_id, placed_at, status, details) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut item = connection.prepare(
        "INSERT INTO order_items (order_id, line, product_id, quantity, unit_cents) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut rows = 0;
    for id in 1..=counts.orders {
        let status = *dice.pick(&["new", "paid", "shipped", "returned"]);
        let details = format!("{{\"gift\": {}, \"note\": \"{}\"}}", dice.below(2) == 0, dice.text(5));
        let customer = 1 + dice.below(counts.customers);
        order.execute(params![id, customer, dice.time(), status, details])?;
        let lines = 1 + dice.below(5);
        for line in 1..=lines {
            let product = 1 + dice.below(counts.products);
            item.execute(params![id, line, product, 1 + dice.small(9), dice.small(50_000)])?;
        }
        rows += 1 + lines;
    }
    Ok(rows)
}

fn reviews(connection: &Connection, counts: &Counts, dice: &mut Dice) -> Result<i64> {
    let mut insert = connection
        .prepare("INSERT INTO reviews (product_id, customer_id, stars, body) VALUES (?1, ?2, ?3, ?4)")?;
    for _ in 0..counts.reviews {
        let customer = (dice.below(8) > 0).then(|| 1 + dice.below(counts.customers));
        let product = 1 + dice.below(counts.products);
        insert.execute(params![product, customer, 1 + dice.small(5), dice.text(30)])?;
    }
    Ok(counts.reviews)
}

/// Values at the edges of what SQLite stores, in a table that is easily quoted wrong.
fn odd_rows(connection: &Connection) -> Result<i64> {
    let table = crate::rows::quote(ODD_TABLE);
    let rows = [
        "NULL, NULL, NULL",
        "'', x'', ''",
        "0, zeroblob(70000), 'null'",
        "9223372036854775807, x'00ff00', char(0x10FFFF)",
        "-9223372036854775808, -0.0, 'line' || char(10) || 'two'",
        "1e308, 9e999, '''; DROP TABLE customers; --'",
        "4.9e-324, -9e999, char(0x202e) || 'right to left'",
        "'a' || char(0) || 'b', 0.1, 'tab' || char(9)",
    ];
    for row in rows {
        connection.execute_batch(&format!("INSERT INTO {table} VALUES ({row})"))?;
    }
    connection.execute_batch("INSERT INTO audit VALUES ('2026-01-01T00:00:00Z', 'opened', NULL, 1)")?;
    Ok(count(rows.len()) + 1)
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(0)
}

/// Numbers that look random and are the same every time (SplitMix64, public domain).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, which is above 0.
    fn below(&mut self, limit: i64) -> i64 {
        i64::try_from(self.next() >> 1).unwrap_or(0) % limit.max(1)
    }

    fn small(&mut self, limit: u32) -> u32 {
        u32::try_from(self.below(i64::from(limit))).unwrap_or(0)
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let place = usize::try_from(self.below(count(list.len()))).unwrap_or(0);
        #[allow(clippy::indexing_slicing, reason = "below the length of a list that is never empty")]
        &list[place]
    }

    /// Between one and `most` words.
    fn text(&mut self, most: i64) -> String {
        let words = 1 + self.below(most);
        let mut text = String::new();
        for word in 0..words {
            if word > 0 {
                text.push(' ');
            }
            let word: &&str = self.pick(&TEXT);
            text.push_str(word);
        }
        text
    }

    fn bytes(&mut self, most: i64) -> Vec<u8> {
        let length = usize::try_from(self.below(most)).unwrap_or(0);
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend(self.next().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }

    fn time(&mut self) -> String {
        let (month, day) = (1 + self.below(12), 1 + self.below(28));
        let (hour, minute, second) = (self.below(24), self.below(60), self.below(60));
        format!("{}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z", 2020 + self.below(6))
    }
}
