CREATE INDEX orders_by_customer ON orders (customer_id, placed_at);
CREATE INDEX items_by_product ON order_items (product_id);
CREATE INDEX reviews_by_product ON reviews (product_id, stars DESC);
CREATE INDEX customers_by_city ON customers (country, city);
CREATE INDEX cheap_products ON products (price_cents) WHERE price_cents < 1000;

CREATE VIEW order_totals AS
    SELECT orders.id, orders.customer_id, orders.placed_at, sum(order_items.total_cents) AS total_cents
      FROM orders JOIN order_items ON order_items.order_id = orders.id
     GROUP BY orders.id;

CREATE VIEW best_sellers AS
    SELECT products.id, products.name, sum(order_items.quantity) AS sold
      FROM products JOIN order_items ON order_items.product_id = products.id
     GROUP BY products.id ORDER BY sold DESC LIMIT 100;

CREATE TRIGGER product_price_changed AFTER UPDATE OF price_cents ON products
    WHEN old.price_cents <> new.price_cents
BEGIN
    INSERT INTO audit (happened_at, what, old_value, new_value)
    VALUES ('2026-01-15T14:30:22Z', 'price of ' || new.sku, old.price_cents, new.price_cents);
END;

CREATE TRIGGER product_added AFTER INSERT ON products
BEGIN
    INSERT INTO product_search (rowid, name, description) VALUES (new.id, new.name, new.description);
END;

CREATE TRIGGER order_total_is_read_only INSTEAD OF UPDATE ON order_totals
BEGIN
    SELECT raise(ABORT, 'totals follow from the items');
END;
