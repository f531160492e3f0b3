"""Makes the SQLite database that `cargo xtask bench sqlite` measures on: a shop, the same for the same size.

Usage: generate_sqlite.py <path> <bytes>

The mix is meant to compress like real data, about two and a half to one at zstd level 3: rows of numbers, text of
words with natural frequencies, JSON events, hexadecimal identifiers, and images that do not compress.
"""

import json
import random
import sqlite3
import sys

SCHEMA = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, email TEXT, phone TEXT, city TEXT, created INTEGER);
CREATE TABLE products (id INTEGER PRIMARY KEY, sku TEXT, title TEXT, description TEXT, price REAL, stock INTEGER);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER, placed INTEGER, status TEXT, total REAL, note TEXT);
CREATE TABLE order_items (order_id INTEGER, product INTEGER, quantity INTEGER, price REAL);
CREATE TABLE reviews (id INTEGER PRIMARY KEY, product INTEGER, customer INTEGER, stars INTEGER, body TEXT);
CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER, session TEXT, kind TEXT, payload TEXT);
CREATE TABLE images (id INTEGER PRIMARY KEY, product INTEGER, thumbnail BLOB);
"""
INDEXES = """
CREATE INDEX customers_email ON customers (email);
CREATE INDEX orders_customer ON orders (customer, placed);
CREATE INDEX order_items_order ON order_items (order_id);
CREATE INDEX reviews_product ON reviews (product);
CREATE INDEX events_session ON events (session);
"""
SYLLABLES = "ba ce di fo gu ha ji ko lu ma ne pi ro su ta ve wi xo ya zu ar el in os un".split()
GREETINGS = ["", "", "", "", "", "", "Спасибо ", "ありがとう ", "شكرا ", "धन्यवाद ", "謝謝 "]
STATUSES = ["open", "paid", "sent", "sent", "sent", "returned"]
KINDS = ["view", "view", "view", "search", "cart", "checkout", "login"]
START = 1_700_000_000
BATCH = 4_000


class Shop:
    """Rows of every table, in batches that share one source of chance."""

    def __init__(self):
        self.chance = random.Random(20260115)
        words = ["".join(self.chance.choices(SYLLABLES, k=self.chance.choice((1, 2, 2, 3, 3, 4)))) for _ in range(6000)]
        # Zipf's law; the bag is wider than zstd's window at level 3, so that its order is no pattern to find.
        weights = [1 / (rank + 5) for rank in range(len(words))]
        self.bag = self.chance.choices(words, weights, k=1_000_000)
        self.orders = 0

    def below(self, limit):
        """Returns a number from 0; several times quicker than randrange, which matters for gigabytes."""
        return int(self.chance.random() * limit)

    def between(self, first, limit):
        return first + self.below(limit - first)

    def text(self, count):
        start = self.below(len(self.bag) - count)
        return " ".join(self.bag[start : start + count])

    def customers(self):
        for _ in range(BATCH // 8):
            name = self.text(2).title()
            email = name.lower().replace(" ", ".") + "%d@example.com" % self.below(10_000)
            yield name, email, "+%011d" % self.below(10**11), self.text(1).title(), self.time()

    def products(self):
        for _ in range(BATCH // 40):
            price = self.between(100, 90_000) / 100
            yield "%08X" % self.chance.getrandbits(32), self.text(4), self.text(60), price, self.below(500)

    def order_rows(self):
        for _ in range(BATCH):
            note = self.chance.choice(GREETINGS) + self.text(6) if self.chance.random() < 0.2 else None
            total = self.between(500, 500_000) / 100
            yield self.between(1, 100_000), self.time(), self.chance.choice(STATUSES), total, note

    def item_rows(self):
        for _ in range(3 * BATCH):
            order = self.orders + self.below(BATCH)
            price = self.between(100, 90_000) / 100
            yield order, self.between(1, 10_000), self.between(1, 5), price

    def reviews(self):
        for _ in range(BATCH // 4):
            stars = self.chance.choice((1, 3, 4, 5, 5))
            body = self.chance.choice(GREETINGS) + self.text(self.between(5, 120))
            yield self.between(1, 10_000), self.between(1, 100_000), stars, body

    def event_rows(self):
        for number in range(BATCH):
            if number % 8 == 0:
                session = "%032x" % self.chance.getrandbits(128)
            payload = {
                "path": "/products/%d" % self.below(10_000),
                "query": self.text(2),
                "ms": self.below(2_000),
                "agent": self.chance.choice(("firefox", "chrome", "safari")),
            }
            yield self.time(), session, self.chance.choice(KINDS), json.dumps(payload)

    def images(self):
        for _ in range(BATCH // 150):
            yield self.between(1, 10_000), self.chance.randbytes(self.between(1_000, 6_000))

    def time(self):
        return START + self.orders * 3 + self.below(86_400)


def fill(database, size):
    """Adds batches until the file has its size, leaving room for the indexes."""
    shop = Shop()
    while pages(database) < size * 0.80:
        inserts = [
            ("customers (name, email, phone, city, created)", 5, shop.customers()),
            ("products (sku, title, description, price, stock)", 5, shop.products()),
            ("orders (customer, placed, status, total, note)", 5, shop.order_rows()),
            ("order_items", 4, shop.item_rows()),
            ("reviews (product, customer, stars, body)", 4, shop.reviews()),
            ("events (at, session, kind, payload)", 4, shop.event_rows()),
            ("images (product, thumbnail)", 2, shop.images()),
        ]
        for table, columns, rows in inserts:
            marks = ", ".join("?" * columns)
            database.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        shop.orders += BATCH
        database.commit()


def pages(database):
    """Returns the size of the database in bytes."""
    count = database.execute("PRAGMA page_count").fetchone()[0]
    return count * database.execute("PRAGMA page_size").fetchone()[0]


def main():
    path, size = sys.argv[1], int(sys.argv[2])
    database = sqlite3.connect(path)
    database.executescript("PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
    database.executescript("PRAGMA cache_size = -500000;" + SCHEMA)
    fill(database, size)
    database.executescript(INDEXES)
    # Free pages, as every database that lives has some.
    database.execute("DELETE FROM events WHERE id % 2000 < 60")
    database.commit()
    database.executescript("PRAGMA synchronous = FULL; PRAGMA journal_mode = DELETE;")
    database.close()


if __name__ == "__main__":
    main()
