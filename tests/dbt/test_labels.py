def test_a_label_waits_until_its_horizon_is_delivered(shop):
    shop.deliver("2020-03-01", ("ann", "11111", 1))
    shop.deliver_empty("2020-03-02", "2020-03-16")

    shop.build("2020-03-01", "2020-03-17", "--select", "+customer_labels")

    days = "select distinct as_of::varchar from lake.features.customer_labels order by 1"
    written = "select day::varchar from lake.ledger.partitions order by day"
    assert shop.execute(days) == shop.execute(written) == [("2020-03-01",), ("2020-03-02",)]


def test_a_purchase_counts_up_to_and_including_the_last_day_of_the_horizon(shop):
    shop.deliver("2020-03-01", ("ann", "11111", 1), ("bob", "11111", 1))
    shop.deliver_empty("2020-03-02", "2020-03-14")
    shop.deliver("2020-03-15", ("ann", "11111", 1))
    shop.deliver("2020-03-16", ("bob", "11111", 1))

    shop.build("2020-03-01", "2020-03-02", "--select", "+customer_labels")

    assert [row[-1] for row in shop.rows("customer_labels", "2020-03-01")] == [1, 0]


def test_a_purchase_known_after_the_horizon_does_not_change_the_label(shop):
    shop.deliver("2020-03-01", ("ann", "11111", 1))
    shop.deliver("2020-03-05", ("ann", "11111", 1), known_from="2020-03-16")
    shop.deliver_empty("2020-03-02", "2020-03-20")

    shop.build("2020-03-01", "2020-03-03", "--select", "+customer_labels")

    assert [row[-1] for row in shop.rows("customer_labels", "2020-03-01")] == [0]
    assert [row[-1] for row in shop.rows("customer_labels", "2020-03-02")] == [1]
