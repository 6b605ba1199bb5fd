def test_the_unit_tests_of_the_project_pass(shop):
    """`dbt build` leaves out those of ephemeral models, so they run here."""
    assert shop.dbt("run", "--select", "staging", "int_order_lines")

    assert shop.dbt("test", "--select", "test_type:unit")
