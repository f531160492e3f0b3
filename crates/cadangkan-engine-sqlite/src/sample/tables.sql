CREATE TABLE customers (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL,
    email      TEXT NOT NULL UNIQUE COLLATE NOCASE,
    city       TEXT NOT NULL,
    country    TEXT NOT NULL CHECK (length(country) = 2),
    notes      TEXT,
    joined_at  TEXT NOT NULL,
    balance    REAL NOT NULL DEFAULT 0.0
);

CREATE TABLE categories (
    code       TEXT PRIMARY KEY,
    title      TEXT NOT NULL,
    parent     TEXT REFERENCES categories (code)
) WITHOUT ROWID;

CREATE TABLE products (
    id          INTEGER PRIMARY KEY,
    sku         TEXT NOT NULL UNIQUE,
    category    TEXT NOT NULL REFERENCES categories (code),
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    price_cents INTEGER NOT NULL CHECK (price_cents >= 0),
    weight_kg   REAL,
    stock       INTEGER NOT NULL DEFAULT 0,
    picture     BLOB,
    price       TEXT GENERATED ALWAYS AS (printf('%d.%02d', price_cents / 100, price_cents % 100)) VIRTUAL
) STRICT;

CREATE TABLE orders (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    placed_at   TEXT NOT NULL,
    status      TEXT NOT NULL CHECK (status IN ('new', 'paid', 'shipped', 'returned')),
    details     TEXT NOT NULL CHECK (json_valid(details))
);

CREATE TABLE order_items (
    order_id    INTEGER NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    line        INTEGER NOT NULL,
    product_id  INTEGER NOT NULL REFERENCES products (id),
    quantity    INTEGER NOT NULL CHECK (quantity > 0),
    unit_cents  INTEGER NOT NULL,
    total_cents INTEGER GENERATED ALWAYS AS (quantity * unit_cents) STORED,
    PRIMARY KEY (order_id, line)
) WITHOUT ROWID;

CREATE TABLE reviews (
    id          INTEGER PRIMARY KEY,
    product_id  INTEGER NOT NULL REFERENCES products (id),
    customer_id INTEGER REFERENCES customers (id) ON DELETE SET NULL,
    stars       INTEGER NOT NULL CHECK (stars BETWEEN 1 AND 5),
    body        TEXT NOT NULL
);

CREATE TABLE audit (
    happened_at TEXT NOT NULL,
    what        TEXT NOT NULL,
    old_value,
    new_value
);

CREATE TABLE "odd ""name""; -- ☂ 'table'" (
    "select"     ,
    "a ""b"" c"  BLOB,
    ""           TEXT
);

CREATE VIRTUAL TABLE product_search USING fts5 (name, description, tokenize = 'unicode61');
