def test_a_delivery_known_later_does_not_change_the_features_of_earlier_days(shop):
    shop.deliver("2020-03-01", ("ann", "11111", 1))
    shop.deliver("2020-03-02", ("ann", "22222", 1), known_from="2020-03-04")
    shop.deliver_empty("2020-03-03", "2020-03-05")

    shop.build("2020-03-03", "2020-03-06")

    seen = [shop.value("purchase_days_90d", f"2020-03-0{day}") for day in (3, 4, 5)]
    assert seen == [1, 2, 2]


def test_a_replaced_delivery_counts_only_before_the_day_it_was_replaced(shop):
    shop.deliver("2020-03-01", ("ann", "11111", 4), status="superseded", known_to="2020-03-03")
    shop.deliver("2020-03-01", ("ann", "11111", 6), known_from="2020-03-03")
    shop.deliver_empty("2020-03-02", "2020-03-04")

    shop.build("2020-03-01", "2020-03-05")

    spent = [float(shop.value("revenue_90d", f"2020-03-0{day}")) for day in (1, 2, 3, 4)]
    assert spent == [10, 10, 15, 15]


def test_a_held_delivery_is_never_seen(shop):
    shop.deliver("2020-03-01", ("ann", "11111", 1))
    shop.deliver("2020-03-02", ("ann", "11111", 1), ("bob", "11111", 1), status="held")

    shop.build("2020-03-02", "2020-03-03")

    assert shop.value("purchase_days_90d", "2020-03-02") == 1
    assert len(shop.rows("customer_features", "2020-03-02")) == 1


def test_recomputed_days_are_the_same_whatever_range_they_are_computed_in(shop):
    for day in range(1, 10):
        lines = [(f"c{n}", f"{n % 3:05}", 1 + n % 4) for n in range(12) if (n * day) % 5 < 3]
        shop.deliver(f"2020-03-0{day}", *lines)
    shop.build("2020-03-01", "2020-03-10", "--select", "+customer_features")
    first = [shop.rows("customer_features", f"2020-03-0{day}") for day in (5, 9)]

    shop.deliver("2020-03-10", ("c1", "11111", 1))
    shop.deliver("2020-03-04", ("c1", "11111", 9), known_from="2020-03-10")
    shop.build("2020-03-05", "2020-03-06", "--select", "customer_features")
    shop.build("2020-03-08", "2020-03-10", "--select", "customer_features")

    assert [shop.rows("customer_features", f"2020-03-0{day}") for day in (5, 9)] == first


def test_cancellations_and_lines_without_product_are_told_apart_from_purchases(shop):
    shop.deliver("2020-03-01", ("ann", "11111", 2), ("ann", "POST", 1))
    shop.deliver("2020-03-02", ("ann", "11111", -1))

    shop.build("2020-03-02", "2020-03-03")

    assert shop.value("purchase_days_90d", "2020-03-02") == 1
    assert shop.value("products_90d", "2020-03-02") == 1
    assert shop.value("share_of_other_lines", "2020-03-02") == 0.5
    assert shop.value("days_since_cancellation", "2020-03-02") == 0
    assert shop.value("mean_gap_days", "2020-03-02") is None
