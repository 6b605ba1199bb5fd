{{ config(group='nobody') }}
select 1 as One
